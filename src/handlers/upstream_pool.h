/*
 * upstream_pool: the servers of one mount, their limits, and whose turn it is.
 */
#ifndef TINED_HANDLERS_UPSTREAM_POOL_H
#define TINED_HANDLERS_UPSTREAM_POOL_H

#include "handlers/upstream_server.h"

/* In nanoseconds: upstream.h. */
struct upstream_limits {
	int64_t connect, first_byte, idle;
	int64_t keepalive; /* 0: no connection is kept */
};

struct upstream_pool {
	struct upstream_limits limits;
	struct upstream_server *servers; /* owned */
	size_t count;
	size_t next;	  /* whose turn it is */
	uint64_t request; /* counts the requests */
};

/* Adds a server as upstream_server_init does. */
int upstream_pool_add(struct upstream_pool *pool, const char *address,
    struct text *found, struct buffer *why);
void upstream_pool_free(struct upstream_pool *pool);
/* Call it before the first choice for a request. */
void upstream_pool_begin(struct upstream_pool *pool);
/*
 * Returns the next server that this request has not tried: one that is not left
 * out or, if there is none, the one that will be left out for the shortest time.
 * NULL if all were tried.
 */
struct upstream_server *upstream_pool_choose(
    struct upstream_pool *pool, int64_t now);
/*
 * Notes whether a server's queue was full when this request tried it.
 * upstream_pool_choose_busy returns the next of those in turn; NULL if none was.
 */
void upstream_pool_note_busy(
    struct upstream_pool *pool, struct upstream_server *s, bool busy);
struct upstream_server *upstream_pool_choose_busy(struct upstream_pool *pool);

#endif
