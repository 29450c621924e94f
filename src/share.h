/*
 * share: how many workers one client has at a time (--per-client): whom each
 * of them serves, in memory that all processes share.  A client is an address:
 * all of IPv4, the first 64 bits of IPv6, which is what a network is given.
 */
#ifndef TINED_SHARE_H
#define TINED_SHARE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "peer.h"

/* Of a Unix socket: it is nobody's, and has no bound. */
#define SHARE_NOBODY 0

struct share {
	size_t slots;
	unsigned max;	     /* workers of one client */
	atomic_bool waiting; /* somebody waits for his share */
	int freed;	     /* an eventfd: a worker is free again */
	atomic_uint_least64_t serving[]; /* a client of each slot */
};

/* For processes forked later; NULL with errno. */
struct share *share_create(size_t slots, unsigned max);
uint64_t share_client(const struct peer *peer);

/* By a worker: it serves that client, or nobody any more. */
void share_enter(struct share *s, size_t slot, uint64_t client);
void share_leave(struct share *s, size_t slot);
/*
 * Whoever gives out shares is to count anew, if somebody waits; share_leave
 * does that too.
 */
void share_recount(const struct share *s);
/* Workers that serve that client. */
size_t share_count(const struct share *s, uint64_t client);

#endif
