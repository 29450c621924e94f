/*
 * client_limit: limits the workers that one client occupies (--per-client).
 * The scoreboard has the client of each worker.  A client is an IPv4 address,
 * or the first 64 bits of an IPv6 address.
 */
#ifndef TINED_SHARED_CLIENT_LIMIT_H
#define TINED_SHARED_CLIENT_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/peer.h"
#include "shared/scoreboard.h"
#include "shared/wakeup.h"

/* A Unix socket, which has no limit. */
#define CLIENT_LIMIT_NOBODY 0

struct client_limit {
	struct scoreboard *board; /* each slot has its client, the lot a flag */
	unsigned max;		  /* workers per client */
	struct wakeup freed;	  /* to the lot: a worker is free again */
};

/* Shared with processes that are forked later.  NULL with errno. */
struct client_limit *client_limit_create(
    struct scoreboard *board, unsigned max);
void client_limit_free(struct client_limit *s);
uint64_t client_limit_client(const struct peer *peer);

/* Called by a worker that begins to serve a client, and that ends to. */
void client_limit_enter(struct client_limit *s, size_t slot, uint64_t client);
void client_limit_leave(struct client_limit *s, size_t slot);
/*
 * Tells the lot to count again, if a client waits.  client_limit_leave does
 * that as well.
 */
void client_limit_recount(const struct client_limit *s);
/* Called by the lot: whether a client waits because of its limit. */
void client_limit_set_wanted(const struct client_limit *s, bool wanted);
bool client_limit_is_wanted(const struct client_limit *s);
/* Returns the number of workers that serve that client. */
size_t client_limit_count(const struct client_limit *s, uint64_t client);

#endif
