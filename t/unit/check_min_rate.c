#include "base/clock.h"
#include "base/min_rate.h"
#include "unit.h"

TEST(a_window_ends_when_its_time_has_passed)
{
	struct min_rate p;

	min_rate_start(&p, 3600 * CLOCK_SECOND);
	ck_assert(!min_rate_is_over(&p));
	p.ends = clock_now();
	ck_assert(min_rate_is_over(&p));
}

TEST(one_byte_less_than_the_quota_changes_no_deadline)
{
	struct min_rate p;
	int64_t ends;

	min_rate_start(&p, 20 * CLOCK_SECOND);
	ends = p.ends;
	min_rate_add(&p, 0);
	min_rate_add(&p, 20 * MIN_RATE_BYTES_PER_SECOND - 1);
	ck_assert_int_eq(p.ends, ends);
}

TEST(the_quota_in_whatever_pieces_begins_a_new_window)
{
	struct min_rate p;

	min_rate_start(&p, 20 * CLOCK_SECOND);
	p.ends = 1;
	for (int i = 0; i < 20 * MIN_RATE_BYTES_PER_SECOND; i++) {
		ck_assert(min_rate_is_over(&p));
		min_rate_add(&p, 1);
	}
	ck_assert(!min_rate_is_over(&p));
	ck_assert_int_gt(p.ends, clock_now() + 19 * CLOCK_SECOND);
}

TEST(what_was_moved_before_buys_no_time_later)
{
	struct min_rate p;

	min_rate_start(&p, 20 * CLOCK_SECOND);
	min_rate_add(&p, (size_t)1 << 30);
	ck_assert_int_le(p.ends, clock_now() + 20 * CLOCK_SECOND);
	p.ends = 1;
	min_rate_add(&p, 20 * MIN_RATE_BYTES_PER_SECOND - 1);
	ck_assert(min_rate_is_over(&p));
}

TEST(the_quota_grows_with_the_window)
{
	struct min_rate p;

	min_rate_start(&p, 100 * CLOCK_MILLISECOND);
	p.ends = 1;
	min_rate_add(&p, MIN_RATE_BYTES_PER_SECOND / 10 - 1);
	ck_assert(min_rate_is_over(&p));
	min_rate_add(&p, 1);
	ck_assert_int_gt(p.ends, 1);
}
