/*
 * client: the client that a process is serving: its connection, and the request
 * and the response under way.
 */
#ifndef TINED_CONNECTION_CLIENT_H
#define TINED_CONNECTION_CLIENT_H

#include "connection/connection.h"
#include "connection/exchange.h"

struct client {
	struct connection connection;
	struct exchange exchange;
};

enum client_end {
	CLIENT_CLOSES,	/* nothing more is to come from either side */
	CLIENT_LINGERS, /* the client may still send: RFC 9112, 9.6 */
	/* With a lot, which is where it goes: */
	CLIENT_WAITS,	 /* for the client to send a request */
	CLIENT_COLLECTS, /* for exchange.wanted_bytes of a request */
	CLIENT_SENDS,	 /* output.deferred; then on, unless it closes after */
};

/* Of zeroed memory, once for all clients to come. */
void client_init(struct client *c, const struct service *service);
void client_free(struct client *c);
/* Begins with a socket, which is closed by the caller. */
void client_attach(struct client *c, int fd, const struct peer *peer);

/* Serves the client that is attached, for as long as it keeps a worker busy. */
enum client_end client_serve(struct client *c);
/*
 * The same behind the end of a response that a worker had deferred, and that
 * the lot cannot send without waiting for a disk: output.deferred.
 */
enum client_end client_resume(struct client *c);

#endif
