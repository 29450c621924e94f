#include "master/shortage.h"
#include "unit.h"

#define MS CLOCK_MILLISECOND

static struct shortage s;
static int64_t now;
static int begun, ended;
static struct shortage last; /* as it was at its end */

void
unit_set_up(void)
{
	s = (struct shortage){0};
	now = CLOCK_SECOND;
	begun = ended = 0;
}

static void
run(bool occupied, int waiting, int64_t time)
{
	for (int64_t end = now + time; now < end; now += 10 * MS) {
		enum shortage_news news =
		    shortage_note(&s, occupied, waiting, now);

		begun += news == SHORTAGE_HAS_BEGUN;
		ended += news == SHORTAGE_HAS_ENDED;
		if (news == SHORTAGE_HAS_ENDED)
			last = s;
	}
}

TEST(one_that_lasts_is_told_once_at_both_ends)
{
	run(true, 3, CLOCK_SECOND);
	ck_assert_int_eq(begun, 1);
	run(true, 7, 10 * CLOCK_SECOND);
	ck_assert_int_eq(shortage_next(&s), s.until + SHORTAGE_ENDS);
	run(false, 0, 10 * CLOCK_SECOND);
	ck_assert_int_eq(begun, 1);
	ck_assert_int_eq(ended, 1);
	ck_assert_int_eq(last.most, 7);
	ck_assert_int_eq(last.until - last.since, 11 * CLOCK_SECOND - 10 * MS);
	ck_assert_int_eq(shortage_next(&s), CLOCK_NEVER);
}

TEST(a_moment_is_none)
{
	for (int i = 0; i < 100; i++) {
		run(true, 3, 90 * MS);
		run(i % 2 == 0, 0, 20 * MS);
	}
	ck_assert_int_eq(begun, 0);
	ck_assert_int_eq(shortage_next(&s), CLOCK_NEVER);
}

TEST(one_that_flaps_is_one)
{
	run(true, 3, 200 * MS);
	for (int i = 0; i < 100; i++) {
		run(false, 0, 2 * CLOCK_SECOND);
		run(true, 1, 20 * MS);
	}
	ck_assert_int_eq(begun, 1);
	ck_assert_int_eq(ended, 0);
	run(false, 0, 4 * CLOCK_SECOND);
	ck_assert_int_eq(ended, 1);
	ck_assert_int_eq(last.most, 3);
}

TEST(the_next_one_begins_anew)
{
	run(true, 30, CLOCK_SECOND);
	run(false, 0, 4 * CLOCK_SECOND);
	run(true, 2, CLOCK_SECOND);
	run(false, 0, 4 * CLOCK_SECOND);
	ck_assert_int_eq(begun, 2);
	ck_assert_int_eq(ended, 2);
	ck_assert_int_eq(last.most, 2);
	ck_assert_int_le(last.until - last.since, CLOCK_SECOND);
}

TEST(busy_workers_and_nobody_who_waits_are_none)
{
	run(true, 0, 10 * CLOCK_SECOND);
	run(false, 9, 10 * CLOCK_SECOND);
	ck_assert_int_eq(begun, 0);
}
