/*
 * parking: whether a worker may leave its client, and what is still to be sent
 * to it, to the lot.
 */
#ifndef TINED_CONNECTION_PARKING_H
#define TINED_CONNECTION_PARKING_H

#include "base/clock.h"
#include "connection/input.h"
#include "connection/service.h"

/* How often a worker that misses the lot looks whether there is one again. */
#define PARKING_ABSENCE_TICK (20 * CLOCK_MILLISECOND)

/* Why the lot might send what is left of a response. */
enum parking_reason {
	PARKING_STALLED, /* the client has taken nothing for a tick */
	PARKING_LONG,	 /* it takes what there is, and there is much */
	PARKING_FULL,	 /* there is no room for more just now */
};

struct parking {
	const struct service *service;
	const struct input *in; /* what is unread goes with the client */
	bool lot_refused; /* it did not take this one: it is served here */
	bool
	    has_whole_response; /* whatever is sent, nothing is made any more */
};

/* Whether the lot could take the client, with what it has sent. */
bool parking_is_possible(const struct parking *p);
/* Whether there should be a lot, and is none now. */
bool parking_misses_lot(const struct parking *p);
/* Whether the lot may send what is left. */
bool parking_may_defer(const struct parking *p, enum parking_reason reason);
/*
 * Whether this process may keep so many bytes more of responses until the lot
 * has them; and that it keeps them no longer.
 */
bool parking_keep(const struct parking *p, uint64_t bytes);
void parking_give_back(const struct parking *p, uint64_t bytes);

#endif
