/*
 * recycle: when a worker has served, or grown, or leaked, enough, and another
 * is to take its place.  No more than one at a time is on its way out without a
 * successor: there is one token for all, on the scoreboard, and the master
 * takes it back however its holder ends.
 */
#ifndef TINED_CONNECTION_RECYCLE_H
#define TINED_CONNECTION_RECYCLE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "shared/fd_budget.h"
#include "shared/scoreboard.h"

/* How often it is looked at: after so many requests; memory, or such a time. */
#define RECYCLE_REQUESTS 16
#define RECYCLE_TIME (CLOCK_SECOND / 10)

struct recycle {
	struct scoreboard *board;
	uint64_t limit;	   /* of requests; 0: none */
	uint64_t memory;   /* of private bytes; 0: none */
	uint64_t served;   /* requests */
	uint64_t look_at;  /* the memory, when so many are served */
	int64_t next_look; /* or then (clock.h) */
	int statm;	   /* /proc/self/statm, owned; -1: not needed */
	const struct fd_budget *fd_budget; /* NULL: nobody looks at it */
	bool large;
	bool leaking; /* descriptors */
	bool due;     /* it is the one to go */
};

/*
 * By a new worker, before it gives up what it can do without.  A random part of
 * the jitter makes its limit its own.
 */
void recycle_init(
    struct recycle *r, const struct config *config, struct scoreboard *board);
/*
 * A request is served: true when the worker is to end, from then on.  One that
 * is not the first to ask goes on serving, and asks again.
 */
bool recycle_is_due(struct recycle *r);

#endif
