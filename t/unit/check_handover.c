#include <sys/socket.h>

#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "process/lot/state.h"
#include "shared/scoreboard.h"
#include "shared/scoreboard_read.h"
#include "unit.h"

/* On their way at the same time, and those that wait behind them. */
#define BOUND 4
#define WAITING 3
/* Some ten looks a second, seldom fewer than five. */
#define LOOK (200 * CLOCK_MILLISECOND)

static struct inherited inherited;
static struct lot lot;

/* A client whose first request waits for a worker. */
static void
add_client(void)
{
	int ends[2];
	struct parked *b;

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	close(ends[1]);
	b = parked_new(&lot.parked, ends[0], PARKED_READY);
	ck_assert_ptr_nonnull(b);
	parked_add_bytes(&lot.parked, b, "GET", 3);
}

void
unit_set_up(void)
{
	inherited = (struct inherited){.board = scoreboard_create(1)};
	ck_assert_ptr_nonnull(inherited.board);
	ck_assert_int_eq(channel_open(&inherited.ready), 0);
	lot = (struct lot){
	    .inherited = &inherited, .channel_max = BOUND, .held_off = true};
	ck_assert_int_eq(parked_all_init(&lot.parked), 0);
	client_share_init(&lot.client_share, NULL, inherited.board);
}

void
unit_tear_down(void)
{
	parked_all_free(&lot.parked);
	close(inherited.ready.from);
	close(inherited.ready.to);
	scoreboard_free(inherited.board);
}

static size_t
waiting(void)
{
	return lot.parked.counts[PARKED_READY];
}

/* In a while, but soon. */
static bool
looks_now_and_then(void)
{
	int64_t before = clock_now();
	int64_t deadline = lot_settle_deadline(&lot);

	return deadline > before + CLOCK_MILLISECOND &&
	    deadline < clock_now() + LOOK;
}

/* As a worker that was taken over may do it. */
static void
forge_taken(int64_t count)
{
	score_lot_settle(inherited.board, count);
}

TEST(a_lot_without_anything_on_its_way_does_not_look)
{
	lot_hand_over_ready(&lot);
	ck_assert_int_eq(lot_settle_deadline(&lot), CLOCK_NEVER);
}

TEST(it_looks_after_what_is_on_its_way)
{
	add_client();
	lot_hand_over_ready(&lot);
	ck_assert_uint_eq(waiting(), 0);
	ck_assert(looks_now_and_then());
}

/*
 * Where all that is on its way counts as taken, no worker wakes the lot any more:
 * it looks by itself, but does not spin.
 */
TEST(counts_that_are_forged_do_not_put_a_lot_at_its_bound_to_sleep)
{
	for (int i = 0; i < BOUND + WAITING; i++)
		add_client();
	lot_hand_over_ready(&lot);
	ck_assert_uint_eq(waiting(), WAITING);
	ck_assert(lot.channel_is_choked);
	forge_taken(BOUND);
	ck_assert_int_eq(score_lot_on_the_way(inherited.board), 0);
	ck_assert(looks_now_and_then());
	lot_hand_over_ready(&lot);
	ck_assert_uint_eq(waiting(), 0);
}

/* More than there were: the count is right again, so that it does not grow. */
TEST(more_taken_than_handed_over_is_corrected)
{
	forge_taken(BOUND);
	ck_assert(looks_now_and_then());
	lot_hand_over_ready(&lot);
	ck_assert_int_eq(score_lot_on_the_way(inherited.board), 0);
	ck_assert_int_eq(lot_settle_deadline(&lot), CLOCK_NEVER);
}

/* Fewer: the lot looks, at its pace, for as long as it finds them lost. */
TEST(fewer_taken_than_handed_over_do_not_make_it_spin)
{
	forge_taken(-BOUND);
	for (int i = 0; i < BOUND; i++) {
		lot_hand_over_ready(&lot);
		ck_assert(looks_now_and_then());
	}
}
