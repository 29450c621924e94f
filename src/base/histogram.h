/*
 * histogram: request durations in fixed buckets, so that the histograms of
 * several workers can be added up.
 */
#ifndef TINED_BASE_HISTOGRAM_H
#define TINED_BASE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

/* From 100 microseconds to a minute, and one for all longer durations. */
#define HISTOGRAM_BUCKETS 19

/* Returns the bucket of a duration: the first with bound >= nanoseconds. */
size_t histogram_bucket(int64_t nanoseconds);
/* Returns a bucket's upper bound in nanoseconds; CLOCK_NEVER for the last. */
int64_t histogram_bound(size_t bucket);
/* Returns the sum of the counts. */
uint64_t histogram_count(const uint64_t counts[HISTOGRAM_BUCKETS]);
/*
 * Returns the bound of the bucket with that quantile, in nanoseconds: 990
 * thousandths is the 99th percentile.  0 if nothing was counted.
 */
int64_t histogram_quantile(
    const uint64_t counts[HISTOGRAM_BUCKETS], unsigned thousandths);

#endif
