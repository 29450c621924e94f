#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "shared/quarantine.h"
#include "shared/scoreboard.h"
#include "shared/scoreboard_raw.h"
#include "unit.h"

#define LIMIT 3
#define TIME (60 * CLOCK_SECOND)
#define WORKERS 4

static struct quarantine *q;
static struct scoreboard *board;
/* Not 0, which is the start of no machine. */
static int64_t now = 1000 * CLOCK_SECOND;

void
unit_set_up(void)
{
	board = scoreboard_create(WORKERS);
	ck_assert_ptr_nonnull(board);
	q = quarantine_create(LIMIT, TIME, &board->server->held);
}

void
unit_tear_down(void)
{
	quarantine_free(q);
	scoreboard_free(board);
}

static struct quarantine_key
key(const char *path)
{
	return (struct quarantine_key){.method = 1, .path = text_of(path)};
}

static bool
strike(const char *path)
{
	struct quarantine_key k = key(path);

	return quarantine_strike(q, &k, now);
}

static int64_t
left(const char *path)
{
	struct quarantine_key k = key(path);

	return quarantine_left(q, &k, now);
}

static void
hold(const char *path)
{
	for (int i = 1; i < LIMIT; i++)
		assert_quick(!strike(path));
	assert_quick(strike(path));
}

TEST(so_many_deaths_in_the_time_hold_it_for_the_time)
{
	ck_assert(!strike("/a"));
	now += TIME / 2;
	ck_assert(!strike("/a"));
	ck_assert_int_eq(left("/a"), 0);
	ck_assert_int_eq(quarantine_next(q), CLOCK_NEVER);
	now += TIME / 2;
	ck_assert(strike("/a"));
	ck_assert_int_eq(left("/a"), TIME);
	ck_assert_int_eq(quarantine_next(q), now + TIME);
	now += TIME - 1;
	ck_assert_int_eq(left("/a"), 1);
	now++;
	ck_assert_int_eq(left("/a"), 0);
}

TEST(deaths_that_are_too_far_apart_do_not_count)
{
	for (int i = 0; i < 10; i++) {
		ck_assert(!strike("/a"));
		now += TIME / (LIMIT - 1) + 1;
	}
	ck_assert_int_eq(left("/a"), 0);
}

TEST(only_that_method_and_path_are_held)
{
	struct quarantine_key other = key("/a");

	hold("/a");
	other.method = 2;
	ck_assert_int_eq(quarantine_left(q, &other, now), 0);
	ck_assert_int_eq(left("/"), 0);
	ck_assert_int_eq(left("/b"), 0);
	ck_assert_int_eq(left("/a/"), 0);
	ck_assert_int_eq(left(""), 0);
	ck_assert_int_gt(left("/a"), 0);
}

TEST(what_is_held_is_neither_counted_nor_prolonged)
{
	hold("/a");
	now += TIME / 2;
	for (int i = 0; i < 2 * LIMIT; i++)
		ck_assert(!strike("/a"));
	ck_assert_int_eq(left("/a"), TIME / 2);
}

TEST(it_is_released_once_and_begins_with_nothing)
{
	struct quarantine_key out;

	hold("/a");
	ck_assert(!quarantine_release(q, &out, now));
	now += TIME;
	ck_assert(quarantine_release(q, &out, now));
	assert_text_eq(out.path, "/a");
	ck_assert_uint_eq(out.method, 1);
	ck_assert(!quarantine_release(q, &out, now));
	ck_assert_int_eq(quarantine_next(q), CLOCK_NEVER);
	hold("/a");
}

TEST(the_oldest_is_forgotten_for_the_newest)
{
	char path[16];

	for (int i = 0; i <= QUARANTINE_HELD_MAX; i++) {
		snprintf(path, sizeof(path), "/%d", i);
		hold(path);
		now++;
	}
	ck_assert_int_eq(left("/0"), 0);
	for (int i = 1; i <= QUARANTINE_HELD_MAX; i++) {
		snprintf(path, sizeof(path), "/%d", i);
		assert_quick(left(path) > 0);
	}
}

TEST(a_flood_of_other_deaths_makes_it_forget)
{
	char path[16];

	for (int i = 1; i < LIMIT; i++)
		ck_assert(!strike("/a"));
	for (int i = 0; i < QUARANTINE_DEATHS_MAX; i++) {
		snprintf(path, sizeof(path), "/%d", i);
		assert_quick(!strike(path));
	}
	ck_assert(!strike("/a"));
}

TEST(a_long_path_is_held_if_it_is_not_too_long)
{
	char path[QUARANTINE_PATH_MAX + 2];

	memset(path, 'x', sizeof(path));
	path[QUARANTINE_PATH_MAX] = '\0';
	hold(path);
	ck_assert_int_gt(left(path), 0);
	path[QUARANTINE_PATH_MAX - 1] = 'y';
	ck_assert_int_eq(left(path), 0);
	path[QUARANTINE_PATH_MAX] = 'x';
	path[QUARANTINE_PATH_MAX + 1] = '\0';
	for (int i = 0; i < 2 * LIMIT; i++)
		ck_assert(!strike(path));
	ck_assert_int_eq(left(path), 0);
}

TEST(a_place_tells_what_its_worker_was_in)
{
	struct quarantine_request *p =
	    &scoreboard_slot(board, WORKERS - 1)->current_request;
	struct quarantine_request *other =
	    &scoreboard_slot(board, 0)->current_request;
	struct quarantine_entry entry;
	struct quarantine_key k = key("/a"), out;
	char path[QUARANTINE_PATH_MAX + 2] = "";

	ck_assert(!quarantine_take(p, &entry, &out));
	quarantine_enter(p, &k);
	ck_assert(!quarantine_take(other, &entry, &out));
	ck_assert(quarantine_take(p, &entry, &out));
	assert_text_eq(out.path, "/a");
	ck_assert_uint_eq(out.method, 1);
	ck_assert_msg(!quarantine_take(p, &entry, &out), "once");
	quarantine_enter(p, &k);
	quarantine_leave(p);
	ck_assert(!quarantine_take(p, &entry, &out));
	memset(path, 'x', sizeof(path) - 1);
	k = key(path);
	quarantine_enter(p, &k);
	ck_assert_msg(!quarantine_take(p, &entry, &out), "too long");
}

/* It changes nothing that has been taken, and is read no further than it is. */
TEST(a_place_of_a_worker_that_was_taken_over_does_no_harm)
{
	struct quarantine_request *p =
	    &scoreboard_slot(board, 1)->current_request;
	struct quarantine_key k = key("/a"), out;
	struct quarantine_entry entry;

	quarantine_enter(p, &k);
	p->entry.len = SIZE_MAX;
	ck_assert(!quarantine_take(p, &entry, &out));
	quarantine_enter(p, &k);
	ck_assert(quarantine_take(p, &entry, &out));
	memset(&p->entry, 0xff, sizeof(p->entry));
	assert_text_eq(out.path, "/a");
}

/* Two paths take turns in one room, as others fill the rest for ever. */
static _Noreturn void
change_for_ever(void)
{
	struct quarantine_key out;

	for (;;) {
		now += 2 * TIME;
		while (quarantine_release(q, &out, now))
			;
		hold("/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
		now += 2 * TIME;
		while (quarantine_release(q, &out, now))
			;
		hold("/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
	}
}

TEST(a_reader_never_sees_what_is_not_whole)
{
	int64_t end = clock_now() + CLOCK_SECOND / 3;
	pid_t writer = fork();

	ck_assert_int_ne(writer, -1);
	if (writer == 0)
		change_for_ever();
	while (clock_now() < end) {
		assert_quick(left("/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				  "bbbbbbbb") == 0);
		assert_quick(left("/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
				  "aaaaaaaa") == 0);
	}
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
}
