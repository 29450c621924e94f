/*
 * client_share: which of those that are ready may have a worker (--per-client).
 * A client's workers are those that serve it, and those that will take what is
 * on its way to them.
 */
#ifndef TINED_PROCESS_LOT_CLIENT_SHARE_H
#define TINED_PROCESS_LOT_CLIENT_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/client_limit.h"
#include "shared/scoreboard.h"

/* Messages on their way, at most. */
#define CLIENT_SHARE_CHANNEL SCORE_CHANNEL_MAX
/* Clients who have their share, as is known while the queue is gone through. */
#define CLIENT_SHARE_FULL 16

struct client_share {
	struct client_limit *limit;	/* NULL: there is no bound */
	const struct scoreboard *board; /* what was handed over, and taken */
	uint64_t
	    channel[CLIENT_SHARE_CHANNEL]; /* the clients of the last of that */
	uint64_t full[CLIENT_SHARE_FULL];
	size_t full_count;
};

void client_share_init(struct client_share *ls, struct client_limit *limit,
    const struct scoreboard *board);
/* Before the queue is gone through. */
void client_share_begin(struct client_share *ls);
/* Whether that client may have one more worker. */
bool client_share_allows(struct client_share *ls, uint64_t client);
/* It is just about to be counted as handed to one. */
void client_share_handed(struct client_share *ls, uint64_t client);
/* After it: whether some wait for their share. */
void client_share_end(struct client_share *ls, bool waiting);
bool client_share_is_wanted(const struct client_share *ls);

#endif
