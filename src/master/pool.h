/*
 * pool: decides how many workers there should be.  It is a pure function of
 * limits, counts and its own history, so that tests can run it alone.
 *
 * The pool grows fast: by 1, 2, 4, up to 32 workers in steps of milliseconds,
 * as long as clients need them.  It shrinks slowly: once a second by a quarter
 * of the workers that were idle in all that second beyond the larger number of
 * spares; and, over quiet times, down to the smaller number.
 */
#ifndef TINED_MASTER_POOL_H
#define TINED_MASTER_POOL_H

#include <stdint.h>

#include "base/clock.h"

#define POOL_STEP (5 * CLOCK_MILLISECOND)
#define POOL_RATE_MAX 32
/* How often to check a pool that may have too many workers. */
#define POOL_GLANCE (CLOCK_SECOND / 4)
#define POOL_SHRINK_TIME CLOCK_SECOND
#define POOL_SHRINK_PART 4
/* The quiet time after which the smaller number of spares is enough. */
#define POOL_QUIET_TIME (10 * CLOCK_SECOND)
/* A pool without idle workers is checked in growing intervals up to this. */
#define POOL_LOOK_MAX (40 * CLOCK_MILLISECOND)

struct pool_limits {
	int min, max;		  /* workers; fixed if they are equal */
	int spare_min, spare_max; /* idle workers */
};

struct pool_counts {
	int running;   /* workers, except those that were told to end */
	int available; /* of those: not occupied with a client */
	int idle;      /* of those: waiting for a client */
	int waiting;   /* clients that wait for a worker */
};

/* Begins as {0}. */
struct pool_history {
	int rate;	    /* workers started in the last step of growth */
	int64_t next_step;  /* no growth before then */
	int64_t look;	    /* the interval of checks while none is idle */
	int least;	    /* minimum of available since the last shrinking */
	int64_t shrinks;    /* the next shrinking; 0: not begun */
	int least_of_quiet; /* the same for POOL_QUIET_TIME */
	int64_t quiet_ends;
};

struct pool_plan {
	int spawn;    /* workers to start now */
	int retire;   /* workers to end now */
	int64_t next; /* check again then (clock.h), or when none is idle */
};

struct pool_plan pool_plan(const struct pool_limits *limits,
    const struct pool_counts *counts, struct pool_history *history,
    int64_t now);
/* Returns the number of idle workers below which to check the pool. */
int pool_wanted_idle(const struct pool_limits *limits);

#endif
