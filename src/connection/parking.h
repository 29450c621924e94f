/*
 * parking: decides whether a worker may hand its connection, and the rest of
 * its response, to the lot.
 */
#ifndef TINED_CONNECTION_PARKING_H
#define TINED_CONNECTION_PARKING_H

#include "base/clock.h"
#include "connection/input.h"
#include "connection/service.h"

/* How often a worker checks whether a missing lot runs again. */
#define PARKING_ABSENCE_TICK (20 * CLOCK_MILLISECOND)

/* Why the lot should send the rest of a response. */
enum parking_reason {
	PARKING_STALLED, /* the client has received nothing for a tick */
	PARKING_LONG,	 /* the client receives, but there is much left */
	PARKING_FULL,	 /* the socket has no room at the moment */
};

struct parking {
	const struct service *service;
	const struct input *in; /* its bytes go with the connection */
	bool lot_refused; /* not parked, and not tried until its next request */
	/* The response need not leave at once: its handler has finished it, or
	 * writes more of it and does not flush. */
	bool response_may_wait;
};

/* True if the lot can take the connection, with its unread bytes. */
bool parking_is_possible(const struct parking *p);
/* True if no lot runs at the moment, although --no-lot is not set. */
bool parking_misses_lot(const struct parking *p);
/* True if the lot may send the rest of the response. */
bool parking_may_defer(const struct parking *p, enum parking_reason reason);
/*
 * Called before a send that may wait for the client: as others_wait, which returns
 * true if the client has room.
 */
bool parking_wait_for_room(const struct parking *p, int fd);
/*
 * parking_keep: true if this process may keep that many more bytes of responses
 * until the lot has them.  parking_give_back: it does not keep them any more.
 */
bool parking_keep(const struct parking *p, uint64_t bytes);
void parking_give_back(const struct parking *p, uint64_t bytes);

#endif
