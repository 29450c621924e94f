/*
 * slow_start: how many round trips a response takes while the congestion window
 * of its connection grows (RFC 5681, 3.1): it doubles in each.
 */
#ifndef TINED_DOCTOR_SLOW_START_H
#define TINED_DOCTOR_SLOW_START_H

#include <stdint.h>

/* The payload of a segment over Ethernet, with timestamps: 1500 - 40 - 12. */
#define SLOW_START_SEGMENT 1448
#define SLOW_START_WINDOW 10 /* segments: RFC 6928 */
/* Responses for examples, bytes. */
#define SLOW_START_SMALL 100000
#define SLOW_START_LARGE 1000000

/* Returns the round trips of so many bytes, if the window begins with that. */
static inline unsigned
slow_start_trips(uint64_t bytes, uint64_t window)
{
	uint64_t segments =
	    (bytes + SLOW_START_SEGMENT - 1) / SLOW_START_SEGMENT;
	unsigned trips = 1;

	for (uint64_t sent = window; sent < segments; sent += window) {
		window *= 2;
		trips++;
	}
	return trips;
}

#endif
