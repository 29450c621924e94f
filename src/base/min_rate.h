/*
 * min_rate: the minimum rate at which a peer must send or receive bytes.  In
 * each window of time the peer must move a quota of bytes; when it has, the
 * next window begins.  So a stalled peer fails at the end of the window,
 * however much it has moved before, and a slow but steady peer never fails.
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

/* Returns the bytes that must move in a window of that many nanoseconds. */
uint64_t min_rate_quota(int64_t window);
void min_rate_start(struct min_rate *p, int64_t window);
/* Counts bytes that have moved. */
void min_rate_add(struct min_rate *p, size_t bytes);
/* True when the window has ended without its quota: the peer is too slow. */
bool min_rate_is_over(const struct min_rate *p);

#endif
