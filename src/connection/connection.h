/*
 * connection: a client's connection from accept to close: heads, keep-alive,
 * and the end.
 */
#ifndef TINED_CONNECTION_CONNECTION_H
#define TINED_CONNECTION_CONNECTION_H

#include "base/clock.h"
#include "connection/client.h"

/*
 * Lingering close (RFC 9112, 9.6): what the client still sends is drained, as
 * many programs send all of a request before they read the answer.  It may go
 * on for so long, as long as it keeps to the least rate of min_rate.h in
 * windows of this pause: in the lot, where that costs a descriptor.
 */
#define CONNECTION_LINGER_TIME (300 * CLOCK_SECOND)
#define CONNECTION_LINGER_PAUSE (5 * CLOCK_SECOND)
/* The same where a worker is kept; in a stop, the pause is all there is. */
#define CONNECTION_LINGER_HERE_TIME (30 * CLOCK_SECOND)
#define CONNECTION_LINGER_HERE_PAUSE (2 * CLOCK_SECOND)

enum connection_end {
	CONNECTION_CLOSES,  /* nothing more is to come from either side */
	CONNECTION_LINGERS, /* the client may still send: RFC 9112, 9.6 */
	/* With a lot, which is where it goes: */
	CONNECTION_WAITS,    /* for the client to send a request */
	CONNECTION_COLLECTS, /* for bytes, until there are client.wanted */
	CONNECTION_SENDS,    /* client.out.rest, then on unless client.close */
};

/* Serves the client that is attached, for as long as it keeps a worker busy. */
enum connection_end connection_serve(struct client *c);
/*
 * The same behind the end of a response that a worker had deferred, and that
 * the lot cannot send without waiting for a disk; it owns the rest.
 */
enum connection_end connection_resume(
    struct client *c, const struct deferred *deferred);
/*
 * Lingers here: shut down for writing, and drained until the client closes, or
 * CONNECTION_LINGER_HERE says that it is enough.
 */
void connection_linger(struct client *c);

#endif
