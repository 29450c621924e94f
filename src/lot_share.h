/*
 * lot_share: which of those that are ready may have a worker (--per-client).
 * A client's workers are those that serve it, and those that will take what is
 * on its way to them.
 */
#ifndef TINED_LOT_SHARE_H
#define TINED_LOT_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scoreboard.h"
#include "share.h"

/* Messages on their way, at most. */
#define LOT_SHARE_LANE SCORE_LANE_MAX
/* Clients who have their share, as is known while the queue is gone through. */
#define LOT_SHARE_FULL 16

struct lot_share {
	struct share *share;		/* NULL: there is no bound */
	const struct scoreboard *board; /* what was handed over, and taken */
	uint64_t lane[LOT_SHARE_LANE];	/* the clients of the last of that */
	uint64_t full[LOT_SHARE_FULL];
	size_t full_count;
};

void lot_share_init(
    struct lot_share *ls, struct share *share, const struct scoreboard *board);
/* Before the queue is gone through. */
void lot_share_begin(struct lot_share *ls);
/* Whether that client may have one more worker. */
bool lot_share_allows(struct lot_share *ls, uint64_t client);
/* It is just about to be counted as handed to one. */
void lot_share_handed(struct lot_share *ls, uint64_t client);
/* After it: whether some wait for their share. */
void lot_share_end(struct lot_share *ls, bool waiting);
bool lot_share_is_wanted(const struct lot_share *ls);

#endif
