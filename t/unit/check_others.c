#include <poll.h>
#include <unistd.h>

#include "connection/others.h"
#include "shared/scoreboard.h"
#include "unit.h"

static struct scoreboard *board;
static struct others others;
static int ends[2];
static unsigned times;
static bool stay; /* the lot takes nobody */

static void
let_go(void *keeper)
{
	ck_assert_ptr_eq(keeper, &others);
	times++;
	others.are_kept = stay;
}

void
unit_set_up(void)
{
	board = scoreboard_create(1);
	ck_assert_ptr_nonnull(board);
	scoreboard_set_idle(board, 0, false);
	others = (struct others){
	    .board = board, .let_go = let_go, .keeper = &others};
	ck_assert_int_eq(pipe(ends), 0);
	times = 0;
	stay = false;
	others_begin(&others, true);
}

void
unit_tear_down(void)
{
	close(ends[0]);
	close(ends[1]);
	scoreboard_free(board);
}

static bool
wait_until(int64_t deadline)
{
	return others_wait(&others, ends[0], POLLIN, deadline);
}

TEST(nobody_waits_where_none_are_kept)
{
	const int64_t soon = clock_now() + CLOCK_SECOND;

	others_begin(&others, false);
	ck_assert(!wait_until(CLOCK_NEVER));
	ck_assert(!others_wait(NULL, ends[0], POLLIN, CLOCK_NEVER));
	ck_assert_int_eq(others_deadline(&others, soon), soon);
	ck_assert_int_eq(others_deadline(NULL, soon), soon);
	others_end_wait(&others);
	others_end_wait(NULL);
	others_end_request(&others);
	others_end_request(NULL);
	ck_assert_uint_eq(times, 0);
	ck_assert(others_may_be_kept(&others));
}

TEST(what_is_ready_needs_no_wait)
{
	ck_assert_int_eq(write(ends[1], "x", 1), 1);
	ck_assert(wait_until(CLOCK_NEVER));
	ck_assert_uint_eq(times, 0);
	others_end_request(&others);
	ck_assert(others_may_be_kept(&others));
}

TEST(a_wait_whose_time_is_over_is_none)
{
	ck_assert(!wait_until(0));
	ck_assert_int_eq(others_deadline(&others, 1), 1);
	others_end_wait(&others);
	ck_assert_uint_eq(times, 0);
}

TEST(a_long_wait_lets_go_of_them_and_none_are_kept_for_a_while)
{
	const int64_t began = clock_now();

	ck_assert(!wait_until(CLOCK_NEVER));
	ck_assert_uint_eq(times, 1);
	ck_assert_int_ge(clock_now() - began, OTHERS_LONGEST);
	others_pass_on(&others);
	others_end_request(&others);
	ck_assert_int_ge(others.pause, OTHERS_PAUSE * OTHERS_LONGEST);
	ck_assert_int_ge(others.pause_until - began, others.pause);
}

TEST(a_slow_client_is_no_reason_to_keep_nobody)
{
	ck_assert(!wait_until(CLOCK_NEVER));
	ck_assert_uint_eq(times, 1);
	others_end_request(&others);
	ck_assert(others_may_be_kept(&others));
}

TEST(where_a_worker_is_idle_they_go_sooner)
{
	scoreboard_set_idle(board, 0, true);
	ck_assert(!wait_until(CLOCK_NEVER));
	ck_assert_uint_eq(times, 1);
	ck_assert_int_ge(clock_now() - others.began, OTHERS_PATIENCE);
}

/* The waits of a request count together. */
TEST(many_short_waits_are_a_long_one)
{
	ck_assert_int_eq(write(ends[1], "x", 1), 1);
	while (times == 0)
		(void)wait_until(CLOCK_NEVER);
	ck_assert_int_ge(clock_now() - others.began, OTHERS_LONGEST);
}

TEST(who_waits_for_several_descriptors_asks_for_the_time)
{
	int64_t until = others_deadline(&others, CLOCK_NEVER);

	ck_assert_int_eq(until, others.began + OTHERS_PATIENCE);
	others.until = others.began = clock_now() - OTHERS_LONGEST;
	others_end_wait(&others);
	ck_assert_uint_eq(times, 1);
}

TEST(it_is_tried_again_with_those_who_have_stayed)
{
	stay = true;
	ck_assert(!wait_until(CLOCK_NEVER));
	ck_assert_uint_eq(times, 1);
	ck_assert_int_lt(
	    others_deadline(&others, CLOCK_NEVER), clock_now() + CLOCK_SECOND);
	stay = false;
	ck_assert(!wait_until(CLOCK_NEVER));
	ck_assert_uint_eq(times, 2);
}

TEST(pauses_grow_when_long_waits_follow_soon)
{
	for (int i = 0; i < 12; i++) {
		int64_t before = others.pause;

		others.began = clock_now() - OTHERS_LONGEST;
		others.has_let_go = others.is_passed_on = true;
		others_end_request(&others);
		ck_assert(before == OTHERS_PAUSE_MAX || others.pause > before);
		ck_assert(!others_may_be_kept(&others) ||
		    clock_now() >= others.pause_until);
	}
	ck_assert_int_eq(others.pause, OTHERS_PAUSE_MAX);
	ck_assert(!others_may_be_kept(&others));
	others.pause_until -= 2 * OTHERS_PAUSE_MAX;
	ck_assert(others_may_be_kept(&others));
	others.began = clock_now() - OTHERS_LONGEST;
	others.has_let_go = others.is_passed_on = true;
	others.pause = CLOCK_MILLISECOND;
	others_end_request(&others);
	ck_assert_int_lt(others.pause, OTHERS_PAUSE_MAX);
}
