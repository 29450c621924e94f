/*
 * histogram: how long requests took, in buckets that are the same for all, so
 * that those of many workers can be added.
 */
#ifndef TINED_BASE_HISTOGRAM_H
#define TINED_BASE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

/* From 100 microseconds to a minute, and one for whatever took longer. */
#define HISTOGRAM_BUCKETS 19

/* The bucket of a time in nanoseconds: the first whose bound it is not over. */
size_t histogram_bucket(int64_t nanoseconds);
/* The bound of a bucket, in nanoseconds; CLOCK_NEVER of the last. */
int64_t histogram_bound(size_t bucket);
/*
 * The bound under which so many thousandths of all counted requests stayed:
 * 990 is the 99th percentile.  0 if there are none.
 */
int64_t histogram_quantile(
    const uint64_t counts[HISTOGRAM_BUCKETS], unsigned thousandths);

#endif
