/*
 * deferred_budget: how many bytes of responses all processes together keep for
 * clients who take their time (deferred.h).  Each worker has a sum of its own
 * on the scoreboard, and the lot has one; the bound is on all of them together.
 * Whoever wants more adds it to its sum first and looks at all of them then,
 * so that no two can both have what is left.  A sum goes with its process,
 * however that ends.
 */
#ifndef TINED_SHARED_DEFERRED_BUDGET_H
#define TINED_SHARED_DEFERRED_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/scoreboard.h"

struct deferred_budget {
	uint64_t max; /* bytes */
	/* The lot's sum, and those of workers that have handed some to the lot,
	 * until that has it. */
	struct scoreboard *board;
};

struct deferred_budget *deferred_budget_create(
    struct scoreboard *board, uint64_t max);
void deferred_budget_free(struct deferred_budget *r);
/* By a worker: whether it may keep so many more. */
bool deferred_budget_take(
    struct deferred_budget *r, size_t slot, uint64_t bytes);
/*
 * By a worker that keeps them no more, or by the lot, which has them now and
 * has said so: of no slot nothing is returned, nor more than it has.
 */
void deferred_budget_return(
    struct deferred_budget *r, size_t slot, uint64_t bytes);
/*
 * By a worker that keeps nothing: whether it waits for the lot to have what was
 * kept.  What a lot had just taken when it was killed has no end: forget it.
 */
bool deferred_budget_is_due(const struct deferred_budget *r, size_t slot);
/* By the master, too: the worker of that slot is no more. */
void deferred_budget_forget(struct deferred_budget *r, size_t slot);
/* Of all together. */
uint64_t deferred_budget_used(const struct deferred_budget *r);

#endif
