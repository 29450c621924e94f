/*
 * client_share: decides which ready connections may get a worker
 * (--per-client).  Counts for each client the workers that serve it, and its
 * connections on their way to workers.
 */
#ifndef TINED_PROCESS_LOT_CLIENT_SHARE_H
#define TINED_PROCESS_LOT_CLIENT_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/client_limit.h"
#include "shared/scoreboard_read.h"

/* The largest number of connections on their way. */
#define CLIENT_SHARE_CHANNEL SCORE_CHANNEL_MAX
/*
 * Clients that have reached their limit, cached during one pass of the queue.
 */
#define CLIENT_SHARE_FULL 16

struct client_share {
	struct client_limit *limit; /* NULL: no limit */
	const struct scoreboard *
	    board; /* for the numbers of connections handed over and received */
	uint64_t channel
	    [CLIENT_SHARE_CHANNEL]; /* the clients of the latest of these */
	uint64_t full[CLIENT_SHARE_FULL];
	size_t full_count;
};

void client_share_init(struct client_share *ls, struct client_limit *limit,
    const struct scoreboard *board);
/* Call it before each pass of the queue. */
void client_share_begin(struct client_share *ls);
/* True if that client may have one more worker. */
bool client_share_allows(struct client_share *ls, uint64_t client);
/* Call it before a connection of that client is counted as handed over. */
void client_share_handed(struct client_share *ls, uint64_t client);
/* Call it after the pass; waiting: connections wait because of the limit. */
void client_share_end(struct client_share *ls, bool waiting);

#endif
