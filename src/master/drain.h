/*
 * drain: the end of accepting, when all stops.  New clients are refused; those
 * that the kernel has greeted before are served, and then the listeners can be
 * closed.
 */
#ifndef TINED_MASTER_DRAIN_H
#define TINED_MASTER_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "net/listener.h"

/* All zeroes when there is nothing to wait for. */
struct drain {
	bool pending;
	int64_t began; /* clock_now(): no client is greeted since then */
	bool refuses;  /* or some are, as the kernel did not let us */
	int64_t quiet_since;
};

/*
 * From now on the workers accept those who wait.  Where new clients cannot be
 * refused, it ends after a time, as they may come for ever.
 */
void drain_begin(struct drain *d, int64_t began, bool refuses);
/* True once: when for a while nobody has waited, and nobody can come. */
bool drain_is_done(struct drain *d, const struct listeners *all);
/* When to look again (clock.h). */
int64_t drain_next(const struct drain *d);

#endif
