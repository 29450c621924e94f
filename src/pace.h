/*
 * pace: the least speed at which a peer must move bytes.  In every window of
 * time it must move at least a quota of them; when it has, a new window
 * begins.  So a stall ends with its window, a trickle too, however much was
 * moved before, and a slow but steady peer goes on for as long as it needs.
 */
#ifndef TINED_PACE_H
#define TINED_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACE_BYTES_PER_SECOND 500

struct pace {
	int64_t window; /* nanoseconds */
	int64_t ends;	/* deadline of the current window (clock.h) */
	uint64_t moved; /* bytes in the current window */
};

/* Bytes that must move in a window of so many nanoseconds. */
uint64_t pace_quota(int64_t window);
void pace_start(struct pace *p, int64_t window);
void pace_add(struct pace *p, size_t bytes);
bool pace_is_over(const struct pace *p);

#endif
