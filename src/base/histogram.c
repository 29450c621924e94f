#include "base/clock.h"
#include "base/histogram.h"

#define US INT64_C(1000)
#define MS CLOCK_MILLISECOND
#define S CLOCK_SECOND

static const int64_t bounds[HISTOGRAM_BUCKETS] = {100 * US, 250 * US, 500 * US,
    1 * MS, 2500 * US, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS,
    500 * MS, 1 * S, 2500 * MS, 5 * S, 10 * S, 30 * S, 60 * S, CLOCK_NEVER};

/* Searches from the lowest bucket, as most requests are quick. */
size_t
histogram_bucket(int64_t nanoseconds)
{
	size_t i = 0;

	while (nanoseconds > bounds[i])
		i++;
	return i;
}

int64_t
histogram_bound(size_t bucket)
{
	return bounds[bucket];
}

uint64_t
histogram_count(const uint64_t counts[HISTOGRAM_BUCKETS])
{
	uint64_t all = 0;

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		all += counts[i];
	return all;
}

int64_t
histogram_quantile(
    const uint64_t counts[HISTOGRAM_BUCKETS], unsigned thousandths)
{
	uint64_t all = histogram_count(counts), below = 0, wanted;

	if (all == 0)
		return 0;
	wanted = (all * thousandths + 999) / 1000;
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		below += counts[i];
		if (below >= wanted && below > 0)
			return bounds[i];
	}
	return CLOCK_NEVER;
}
