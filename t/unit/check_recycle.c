#include <stdlib.h>
#include <unistd.h>

#include "connection/recycle.h"
#include "shared/scoreboard_read.h"
#include "unit.h"

#define LIMIT 50
#define JITTER 20
#define WORKERS 200

static struct scoreboard *board;
static struct config config;
static struct recycle r;

void
unit_set_up(void)
{
	board = scoreboard_create(2);
	config = (struct config){.max_requests = LIMIT};
}

void
unit_tear_down(void)
{
	scoreboard_free(board);
}

static unsigned
serve_until_due(unsigned most)
{
	unsigned n = 1;

	while (!recycle_is_due(&r) && n < most)
		n++;
	return n;
}

TEST(without_limits_it_is_never_due)
{
	config.max_requests = 0;
	recycle_init(&r, &config, board);
	ck_assert_uint_eq(serve_until_due(100000), 100000);
	ck_assert(!r.due);
}

TEST(it_is_due_after_its_requests_and_remains_so)
{
	recycle_init(&r, &config, board);
	ck_assert_uint_eq(serve_until_due(1000), LIMIT);
	ck_assert(recycle_is_due(&r));
	ck_assert_int_eq(scoreboard_who_leaves(board), getpid());
}

TEST(a_part_of_the_jitter_is_added)
{
	unsigned seen[JITTER + 1] = {0};
	unsigned different = 0;

	config.max_requests_jitter = JITTER;
	for (int i = 0; i < WORKERS; i++) {
		unsigned n;

		recycle_init(&r, &config, board);
		n = serve_until_due(1000);
		ck_assert_uint_ge(n, LIMIT);
		ck_assert_uint_le(n, LIMIT + JITTER);
		seen[n - LIMIT]++;
		scoreboard_has_left(board);
	}
	for (int i = 0; i <= JITTER; i++)
		different += seen[i] > 0;
	ck_assert_uint_gt(different, JITTER / 2);
}

TEST(one_goes_at_a_time_and_the_others_serve_on)
{
	struct recycle other;

	recycle_init(&r, &config, board);
	recycle_init(&other, &config, board);
	serve_until_due(1000);
	for (int i = 0; i < 2 * LIMIT; i++)
		ck_assert(!recycle_is_due(&other));
	scoreboard_has_left(board);
	ck_assert(recycle_is_due(&other));
}

TEST(one_that_grows_is_due_soon)
{
	volatile char *grown;

	config.max_requests = 0;
	config.max_worker_memory = 64 << 20;
	recycle_init(&r, &config, board);
	ck_assert_uint_eq(serve_until_due(1000), 1000);
	grown = malloc(80 << 20);
	for (size_t i = 0; i < 80 << 20; i += 4096)
		grown[i] = 1;
	ck_assert_uint_le(serve_until_due(1000), RECYCLE_REQUESTS);
	ck_assert(r.due);
	free((char *)(uintptr_t)grown);
}
