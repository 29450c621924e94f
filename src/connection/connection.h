/*
 * connection: a client's connection from accept to close: its socket, its
 * buffers, and whether it persists.  A request and its response are an exchange
 * (exchange.h); client.h serves one exchange after the other.
 */
#ifndef TINED_CONNECTION_CONNECTION_H
#define TINED_CONNECTION_CONNECTION_H

#include <signal.h>

#include "base/clock.h"
#include "connection/input.h"
#include "connection/output.h"
#include "connection/parking.h"
#include "connection/service.h"
#include "net/access.h"
#include "net/peer.h"
#include "net/stall.h"

/* The room for content after the longest head. */
#define CONNECTION_CONTENT_ROOM (64 << 10)

/*
 * Lingering close (RFC 9112, 9.6): the server discards what the client still
 * sends, because many programs send a whole request before they read the
 * response.  This ends after TIME, or when the client is slower than min_rate.h
 * allows in a window of PAUSE.  In the lot it costs only a descriptor.
 */
#define CONNECTION_LINGER_TIME (300 * CLOCK_SECOND)
#define CONNECTION_LINGER_PAUSE (5 * CLOCK_SECOND)
/* The same in a worker; during a stop it lasts only for PAUSE. */
#define CONNECTION_LINGER_HERE_TIME (30 * CLOCK_SECOND)
#define CONNECTION_LINGER_HERE_PAUSE (2 * CLOCK_SECOND)

/* The largest number of pipelined responses whose times are kept. */
#define CONNECTION_UNACCOUNTED_MAX 32

/* The buffers are reused for each client; the other members are reset. */
struct connection {
	const struct service *service;
	struct input in;
	struct output out;
	struct parking parking;

	/* Set by a signal handler: the next response has Connection: close. */
	volatile sig_atomic_t close_next;

	int fd; /* not owned; -1 if detached */
	struct peer peer;
	struct peer local; /* connection_local; length 0: not looked up */
	bool allowed;	   /* by --allow */
	bool close_after;  /* the current response is the last */
	bool linger_after; /* and a lingering close follows */
	uint32_t requests; /* answered on this connection */
	uint32_t streak;   /* answered in a row without giving way to others */
	int64_t others_since; /* others have been seen to wait; 0: none do */
	int64_t idle_time;    /* before the last request; nanoseconds */

	struct stall_mark stall; /* of what was sent last: stalls.h */
	uint64_t stall_sent;	 /* output.sent then */
	int64_t stall_looked;	 /* at a stream; clock.h */
	uint32_t stall_suspects; /* of all clients so far */

	/* When the requests of the responses in the output arrived. */
	int64_t unaccounted[CONNECTION_UNACCOUNTED_MAX];
	size_t unaccounted_count;
	uint64_t accounted_bytes; /* sent bytes that are counted */
};

/* Returns the size of the input's buffer. */
size_t connection_room(const struct config *config);
/* Initializes zeroed memory, and allocates buffers for all clients. */
void connection_init(struct connection *c, const struct service *service);
void connection_free(struct connection *c);
/* Begins with a socket, which the caller closes. */
void connection_attach(struct connection *c, int fd, const struct peer *peer);
void connection_detach(struct connection *c);
/* Returns the address of this end, which is looked up once; without a name. */
const struct peer *connection_local(struct connection *c);
/* Between clients: releases memory that few of them need. */
void connection_forget(struct connection *c);
/*
 * True if the process is to end, so that the response needs Connection: close.
 */
bool connection_is_last(const struct connection *c);
/* Closes after the current response, with a lingering close. */
void connection_close_and_linger(struct connection *c);
/*
 * Does a lingering close in this process: shuts down for writing if it may, and
 * discards input until the client closes or CONNECTION_LINGER_HERE_TIME has
 * passed.
 */
void connection_linger(struct connection *c);

#endif
