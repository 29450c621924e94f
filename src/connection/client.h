/*
 * client: the client that a process is serving: its connection and the current
 * exchange.
 */
#ifndef TINED_CONNECTION_CLIENT_H
#define TINED_CONNECTION_CLIENT_H

#include "connection/connection.h"
#include "connection/exchange.h"

struct client {
	struct connection connection;
	struct tined_exchange exchange;
};

enum client_end {
	CLIENT_CLOSES,	/* close the connection now */
	CLIENT_LINGERS, /* the client may still send: RFC 9112, 9.6 */
	/* Hand the connection to the lot: */
	CLIENT_WAITS,	 /* it waits for the next request */
	CLIENT_COLLECTS, /* it waits for exchange.wanted_bytes of a request */
	CLIENT_SENDS,	 /* it sends output.deferred */
};

/* Initializes zeroed memory, once for all clients of a process. */
void client_init(struct client *c, const struct service *service);
void client_free(struct client *c);
/* Begins with a socket, which the caller closes. */
void client_attach(struct client *c, int fd, const struct peer *peer);

/* Serves the client until it needs no worker, and says what to do then. */
enum client_end client_serve(struct client *c);
/*
 * The same, but first sends output.deferred: a deferred response that the lot
 * cannot send without waiting for a disk.
 */
enum client_end client_resume(struct client *c);

#endif
