/*
 * pool: how many workers there should be.  A pure function of limits, counts,
 * and what it noted the last time, so that it can be tested as one.
 *
 * It grows fast: 1, 2, 4 to 32 workers in steps of milliseconds, for as long as
 * clients want them.  It shrinks slowly: once a second a quarter of the idle
 * workers beyond the larger number of spares, counting only those that were not
 * missed in all that second; and in quiet times, down to the smaller number.
 */
#ifndef TINED_MASTER_POOL_H
#define TINED_MASTER_POOL_H

#include <stdint.h>

#include "base/clock.h"

#define POOL_STEP (5 * CLOCK_MILLISECOND)
#define POOL_RATE_MAX 32
/* How often a pool that has too many is looked at, and made smaller. */
#define POOL_GLANCE (CLOCK_SECOND / 4)
#define POOL_SHRINK_TIME CLOCK_SECOND
#define POOL_SHRINK_PART 4
/* So long they must have been more than the smaller number of spares. */
#define POOL_QUIET_TIME (10 * CLOCK_SECOND)
/* How often one without spares is looked at: less and less often. */
#define POOL_LOOK_MAX (40 * CLOCK_MILLISECOND)

struct pool_limits {
	int min, max;		  /* workers; fixed if they are equal */
	int spare_min, spare_max; /* of them, idle */
};

struct pool_counts {
	int running;   /* alive, and not asked to end */
	int available; /* of them: not occupied with a client */
	int idle;      /* of them: waiting for one */
	int waiting;   /* clients for whom no worker is in sight */
};

/* Begins as {0}. */
struct pool_history {
	int rate;	    /* workers in the next step of growth, but for 0 */
	int64_t next_step;  /* not before */
	int64_t look;	    /* from one look to the next while none is idle */
	int least;	    /* available, in the present time to shrink */
	int64_t shrinks;    /* when that ends; 0: it has not begun */
	int least_of_quiet; /* the same for POOL_QUIET_TIME */
	int64_t quiet_ends;
};

struct pool_plan {
	int spawn;    /* workers to start now */
	int retire;   /* workers to ask to end now */
	int64_t next; /* look again then (clock.h), or when none is idle */
};

struct pool_plan pool_plan(const struct pool_limits *limits,
    const struct pool_counts *counts, struct pool_history *history,
    int64_t now);
/* The number of idle workers below which the pool wants to be looked at. */
int pool_wanted_idle(const struct pool_limits *limits);

#endif
