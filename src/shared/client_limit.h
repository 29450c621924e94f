/*
 * client_limit: how many workers one client has at a time (--per-client): whom
 * each of them serves, on the scoreboard.  A client is an address: all of IPv4,
 * the first 64 bits of IPv6, which is what a network is given.
 */
#ifndef TINED_SHARED_CLIENT_LIMIT_H
#define TINED_SHARED_CLIENT_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/peer.h"
#include "shared/scoreboard.h"
#include "shared/wakeup.h"

/* Of a Unix socket: it is nobody's, and has no bound. */
#define CLIENT_LIMIT_NOBODY 0

struct client_limit {
	struct scoreboard *board; /* each slot has its client, the lot a flag */
	unsigned max;		  /* workers of one client */
	struct wakeup freed;	  /* to the lot: a worker is free again */
};

/* For processes forked later; NULL with errno. */
struct client_limit *client_limit_create(
    struct scoreboard *board, unsigned max);
void client_limit_free(struct client_limit *s);
uint64_t client_limit_client(const struct peer *peer);

/* By a worker: it serves that client, or nobody any more. */
void client_limit_enter(struct client_limit *s, size_t slot, uint64_t client);
void client_limit_leave(struct client_limit *s, size_t slot);
/*
 * The lot is to count anew, if somebody waits; client_limit_leave does that
 * too.
 */
void client_limit_recount(const struct client_limit *s);
/* By the lot: whether somebody waits for its share. */
void client_limit_set_wanted(const struct client_limit *s, bool wanted);
bool client_limit_is_wanted(const struct client_limit *s);
/* Workers that serve that client. */
size_t client_limit_count(const struct client_limit *s, uint64_t client);

#endif
