/*
 * ration: how many bytes of responses all processes together keep for clients
 * who take their time (rest.h).  Each worker has a sum of its own on the
 * scoreboard, and the lot has one; the bound is on all
 * of them together.  Whoever wants more adds it to its sum first and looks at
 * all of them then, so that no two can both have what is left.  A sum goes with
 * its process, however that ends.
 */
#ifndef TINED_RATION_H
#define TINED_RATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scoreboard.h"

struct ration {
	uint64_t max; /* bytes */
	/* The lot's sum, and those of workers that have handed some to the lot,
	 * until that has it. */
	struct scoreboard *board;
};

struct ration *ration_create(struct scoreboard *board, uint64_t max);
void ration_free(struct ration *r);
/* By a worker: whether it may keep so many more. */
bool ration_take(struct ration *r, size_t slot, uint64_t bytes);
/*
 * By a worker that keeps them no more, or by the lot, which has them now and
 * has said so: of no slot nothing is returned, nor more than it has.
 */
void ration_return(struct ration *r, size_t slot, uint64_t bytes);
/*
 * By a worker that keeps nothing: whether it waits for the lot to have what was
 * kept.  What a lot had just taken when it was killed has no end: forget it.
 */
bool ration_is_due(const struct ration *r, size_t slot);
/* By the master, too: the worker of that slot is no more. */
void ration_forget(struct ration *r, size_t slot);
/* Of all together. */
uint64_t ration_used(const struct ration *r);

#endif
