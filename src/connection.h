/*
 * connection: a client's connection from accept to close: heads, keep-alive,
 * and the end.
 */
#ifndef TINED_CONNECTION_H
#define TINED_CONNECTION_H

#include "client.h"
#include "clock.h"

/* Lingering close (RFC 9112, 9.6): what is drained, and for how long. */
#define CONNECTION_LINGER_BYTES (256 << 10)
#define CONNECTION_LINGER_TIME (2 * CLOCK_SECOND)

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
/* Lingers here: shut down for writing, and drained until the client closes. */
void connection_linger(struct client *c);

#endif
