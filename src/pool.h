/*
 * pool: how many workers there should be.  A pure function of counts and
 * limits, so that it can be tested as one.
 */
#ifndef TINED_POOL_H
#define TINED_POOL_H

struct pool_limits {
	int workers; /* wanted */
};

struct pool_counts {
	int running; /* alive and not asked to stop */
};

struct pool_plan {
	int spawn;  /* workers to start now */
	int retire; /* workers to ask to stop now */
};

struct pool_plan pool_plan(
    const struct pool_limits *limits, const struct pool_counts *counts);

#endif
