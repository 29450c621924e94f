#include "base/clock.h"
#include "base/histogram.h"
#include "unit.h"

TEST(bounds_grow)
{
	for (size_t i = 1; i < HISTOGRAM_BUCKETS; i++)
		ck_assert_int_gt(histogram_bound(i), histogram_bound(i - 1));
	ck_assert_int_eq(histogram_bound(0), CLOCK_MILLISECOND / 10);
	ck_assert_int_eq(
	    histogram_bound(HISTOGRAM_BUCKETS - 2), 60 * CLOCK_SECOND);
	ck_assert_int_eq(histogram_bound(HISTOGRAM_BUCKETS - 1), CLOCK_NEVER);
}

TEST(a_bound_is_in_its_bucket_and_one_more_is_not)
{
	for (size_t i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
		ck_assert_uint_eq(histogram_bucket(histogram_bound(i)), i);
		ck_assert_uint_eq(
		    histogram_bucket(histogram_bound(i) + 1), i + 1);
	}
	ck_assert_uint_eq(histogram_bucket(0), 0);
	ck_assert_uint_eq(histogram_bucket(-1), 0);
	ck_assert_uint_eq(histogram_bucket(CLOCK_NEVER), HISTOGRAM_BUCKETS - 1);
}

TEST(a_quantile_is_a_bound)
{
	uint64_t counts[HISTOGRAM_BUCKETS] = {0};

	ck_assert_int_eq(histogram_quantile(counts, 500), 0);
	counts[3] = 1;
	ck_assert_int_eq(histogram_quantile(counts, 0), histogram_bound(3));
	ck_assert_int_eq(histogram_quantile(counts, 990), histogram_bound(3));
	counts[0] = 989;
	counts[5] = 9;
	counts[HISTOGRAM_BUCKETS - 1] = 1;
	ck_assert_int_eq(histogram_quantile(counts, 500), histogram_bound(0));
	ck_assert_int_eq(histogram_quantile(counts, 989), histogram_bound(0));
	ck_assert_int_eq(histogram_quantile(counts, 990), histogram_bound(3));
	ck_assert_int_eq(histogram_quantile(counts, 999), histogram_bound(5));
	ck_assert_int_eq(histogram_quantile(counts, 1000), CLOCK_NEVER);
}
