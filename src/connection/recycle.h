/*
 * recycle: decides when a worker has served enough requests, has grown too
 * large or has leaked descriptors, and must be replaced.  A worker needs a
 * token to leave, of which the scoreboard has one, so that no more than one
 * leaves before its replacement runs.  The master takes the token back when the
 * worker ends.
 */
#ifndef TINED_CONNECTION_RECYCLE_H
#define TINED_CONNECTION_RECYCLE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "shared/fd_budget.h"
#include "shared/scoreboard.h"

/* Memory is checked after this number of requests, or after this time. */
#define RECYCLE_REQUESTS 16
#define RECYCLE_TIME (CLOCK_SECOND / 10)
/*
 * Descriptors are checked after this number of requests: more often if few are
 * left, so that requests that leave several open do not use up all.
 */
#define RECYCLE_REQUESTS_MAX 256
#define RECYCLE_FDS_SHARE 8

struct recycle {
	struct scoreboard *board;
	uint64_t limit;	   /* on requests; 0: none */
	uint64_t memory;   /* limit on private bytes; 0: none */
	uint64_t served;   /* requests */
	uint64_t look_at;  /* check the memory at that number of requests */
	int64_t next_look; /* or at that time (clock.h) */
	int statm;	   /* /proc/self/statm, owned; -1: not needed */
	struct fd_budget *fd_budget; /* NULL: not checked */
	uint64_t look_at_fds; /* check descriptors at that number of requests */
	bool large;
	bool leaking; /* descriptors */
	bool due;     /* it has the token */
};

/*
 * Called by a new worker before it drops privileges.  Adds a random part of the
 * jitter to its limit.
 */
void recycle_init(
    struct recycle *r, const struct config *config, struct scoreboard *board);
/*
 * Called after each request.  True if the worker must end, from then on.  If
 * another worker has the token, it goes on serving and asks again.
 */
bool recycle_is_due(struct recycle *r);

#endif
