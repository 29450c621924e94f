/*
 * min_rate: the least speed at which a peer must move bytes.  In every window
 * of time it must move at least a quota of them; when it has, a new window
 * begins.  So a stall ends with its window, a trickle too, however much was
 * moved before, and a slow but steady peer goes on for as long as it needs.
 */
#ifndef TINED_BASE_MIN_RATE_H
#define TINED_BASE_MIN_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MIN_RATE_BYTES_PER_SECOND 500

struct min_rate {
	int64_t window; /* nanoseconds */
	int64_t ends;	/* deadline of the current window (clock.h) */
	uint64_t moved; /* bytes in the current window */
};

/* Bytes that must move in a window of so many nanoseconds. */
uint64_t min_rate_quota(int64_t window);
void min_rate_start(struct min_rate *p, int64_t window);
void min_rate_add(struct min_rate *p, size_t bytes);
bool min_rate_is_over(const struct min_rate *p);

#endif
