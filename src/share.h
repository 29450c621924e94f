/*
 * share: how many workers one client has at a time (--per-client): whom each
 * of them serves, on the scoreboard.  A client is an address:
 * all of IPv4, the first 64 bits of IPv6, which is what a network is given.
 */
#ifndef TINED_SHARE_H
#define TINED_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "peer.h"
#include "scoreboard.h"
#include "wakeup.h"

/* Of a Unix socket: it is nobody's, and has no bound. */
#define SHARE_NOBODY 0

struct share {
	struct scoreboard *board; /* each slot has its client, the lot a flag */
	unsigned max;		  /* workers of one client */
	struct wakeup freed;	  /* to the lot: a worker is free again */
};

/* For processes forked later; NULL with errno. */
struct share *share_create(struct scoreboard *board, unsigned max);
void share_free(struct share *s);
uint64_t share_client(const struct peer *peer);

/* By a worker: it serves that client, or nobody any more. */
void share_enter(struct share *s, size_t slot, uint64_t client);
void share_leave(struct share *s, size_t slot);
/* The lot is to count anew, if somebody waits; share_leave does that too. */
void share_recount(const struct share *s);
/* By the lot: whether somebody waits for its share. */
void share_set_wanted(const struct share *s, bool wanted);
bool share_is_wanted(const struct share *s);
/* Workers that serve that client. */
size_t share_count(const struct share *s, uint64_t client);

#endif
