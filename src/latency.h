/*
 * latency: how long requests took, in buckets that are the same for all, so
 * that those of many workers can be added.
 */
#ifndef TINED_LATENCY_H
#define TINED_LATENCY_H

#include <stddef.h>
#include <stdint.h>

/* From 100 microseconds to a minute, and one for whatever took longer. */
#define LATENCY_BUCKETS 19

/* The bucket of a time in nanoseconds: the first whose bound it is not over. */
size_t latency_bucket(int64_t nanoseconds);
/* The bound of a bucket, in nanoseconds; CLOCK_NEVER of the last. */
int64_t latency_bound(size_t bucket);
/*
 * The bound under which so many thousandths of all counted requests stayed:
 * 990 is the 99th percentile.  0 if there are none.
 */
int64_t latency_quantile(
    const uint64_t counts[LATENCY_BUCKETS], unsigned thousandths);

#endif
