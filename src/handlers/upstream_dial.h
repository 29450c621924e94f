/*
 * upstream_dial: finds a server for one request, and connects to it: it tries all
 * servers of the pool, and all addresses of each.
 */
#ifndef TINED_HANDLERS_UPSTREAM_DIAL_H
#define TINED_HANDLERS_UPSTREAM_DIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "handlers/upstream_pool.h"

struct upstream_dial {
	struct upstream_pool *pool;
	struct upstream_server *server; /* whose turn it is; never NULL */
	size_t addresses_tried;
	int64_t born; /* when the connection to it began; 0: it has not */
	bool all_tried;
	int64_t busy_since; /* when a queue was found full; 0: none was */
};

enum upstream_dial_next {
	UPSTREAM_DIAL_NOW,   /* call upstream_dial_connect again */
	UPSTREAM_DIAL_LATER, /* call it after a pause: all have full queues */
	UPSTREAM_DIAL_NEVER, /* no server is left, or it is no server's fault */
};

/* Chooses the first server. */
void upstream_dial_begin(struct upstream_dial *d, struct upstream_pool *pool);
/* As upstream_server_connect, of the server whose turn it is. */
int upstream_dial_connect(struct upstream_dial *d);
/*
 * Called when the connection has failed with that errno; why says the same in
 * words.  Goes on to the next address, or to the next server, which becomes
 * d->server.  Blames the server: not for a full queue until connect-timeout is
 * over, and never for a shortage (errno_kind.h) of this process.
 */
enum upstream_dial_next upstream_dial_fail(
    struct upstream_dial *d, int error, const char *why);
/* Leaves the server out for a while, and says so in the log. */
void upstream_dial_blame(const struct upstream_dial *d, const char *why);

#endif
