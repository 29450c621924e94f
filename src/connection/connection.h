/*
 * connection: a client's connection, from accept to close: its socket, its
 * buffers, and whether it goes on.  One request on it and the response are an
 * exchange (exchange.h); client.h serves one exchange after the other.
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

/* Behind the longest head there is room for content, so that both are kept. */
#define CONNECTION_CONTENT_ROOM (64 << 10)

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

/* Pipelined answers, at most, whose times are taken one by one. */
#define CONNECTION_UNACCOUNTED_MAX 32

/* The next client finds the buffers made; the rest is of the present one. */
struct connection {
	const struct service *service;
	struct input in;
	struct output out;
	struct parking parking;

	/* Set by the handler of a signal: the next response says close. */
	volatile sig_atomic_t close_next;

	int fd; /* not owned; -1 if detached */
	struct peer peer;
	bool allowed;	   /* by --allow */
	bool close_after;  /* the present response is the last */
	bool linger_after; /* and the client may still send when it is sent */
	uint32_t requests; /* answered on this connection */
	uint32_t streak;   /* of them, without giving way to others */
	int64_t idle_time; /* before the last request; nanoseconds */

	/* Of the answers that wait in the output: when their requests came. */
	int64_t unaccounted[CONNECTION_UNACCOUNTED_MAX];
	size_t unaccounted_count;
	uint64_t accounted_bytes; /* bytes sent that have been counted */
};

/* Bytes that the input has room for. */
size_t connection_room(const struct config *config);
/* Of zeroed memory.  Buffers are made here, once, for all clients to come. */
void connection_init(struct connection *c, const struct service *service);
void connection_free(struct connection *c);
/* Begins with a socket, which is closed by the caller. */
void connection_attach(struct connection *c, int fd, const struct peer *peer);
void connection_detach(struct connection *c);
/* Between clients, when there is time: gives back what few of them need. */
void connection_forget(struct connection *c);
/* Whether the process is to end, so that a response must say close. */
bool connection_is_last(const struct connection *c);
/* After the present response; with the framing lost, or more on its way. */
void connection_close_and_linger(struct connection *c);
/*
 * Lingers here: shut down for writing, which where there is a lot only that may
 * do (seccomp.h), and drained until the client closes, or
 * CONNECTION_LINGER_HERE_TIME says that it is enough.
 */
void connection_linger(struct connection *c);

#endif
