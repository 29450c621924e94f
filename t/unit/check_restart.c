#include "base/clock.h"
#include "base/log.h"
#include "master/restart.h"
#include "unit.h"

static struct restart r;
static int64_t now = 1000 * CLOCK_SECOND;

static void
die_and_wait(int deaths, int64_t pause)
{
	for (int i = 0; i < deaths; i++) {
		restart_note_death(&r, now);
		now += pause;
	}
}

void
unit_set_up(void)
{
	log_mute(true);
}

TEST(so_many_at_once_make_nobody_wait)
{
	die_and_wait(RESTART_AT_ONCE, 0);
	ck_assert_int_le(r.not_before, now);
	die_and_wait(1, 0);
	ck_assert_int_gt(r.not_before, now);
}

TEST(deaths_that_come_slowly_make_nobody_wait)
{
	for (int i = 0; i < 1000; i++) {
		die_and_wait(1, CLOCK_SECOND / RESTART_PER_SECOND);
		assert_quick(r.not_before <= now);
	}
	ck_assert(!r.storm);
}

/* Each is replaced as soon as it may be, and dies at once. */
TEST(however_fast_they_die_the_rate_is_bounded)
{
	int64_t start = now;
	int deaths = 0;

	for (; now < start + 10 * CLOCK_SECOND; deaths++) {
		restart_note_death(&r, now);
		if (r.not_before > now)
			now = r.not_before;
	}
	ck_assert_int_le(deaths, RESTART_AT_ONCE + 10 * RESTART_PER_SECOND + 1);
	ck_assert_int_ge(deaths, RESTART_AT_ONCE + 10 * RESTART_PER_SECOND - 1);
	ck_assert(r.storm);
	now += CLOCK_SECOND;
	die_and_wait(1, 0);
	ck_assert_msg(!r.storm, "it is over when it is made up for");
}

TEST(failures_in_a_row_are_told_now_and_then)
{
	int told = 0;

	for (int i = 0; i < 1000; i++) {
		told += restart_should_log(&r);
		restart_note_failure(&r, now);
		ck_assert(!r.proven);
	}
	ck_assert_int_eq(told, 10); /* 1, 2, 4 … 512 */
	restart_note_ready(&r);
	ck_assert(r.proven && restart_should_log(&r));
}

TEST(after_a_failure_it_is_waited_for_so_long)
{
	restart_note_failure(&r, now + 7);
	ck_assert_int_eq(r.not_before, now + 7);
	restart_note_death(&r, now);
	ck_assert_int_eq(r.not_before, now + 7);
}
