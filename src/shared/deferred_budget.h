/*
 * deferred_budget: limits the bytes of deferred responses (deferred.h) in all
 * processes together.  Each worker and the lot have a sum on the scoreboard.  A
 * process that wants more first adds to its own sum and then checks the total,
 * so that no two processes can get the same rest.  When a process ends, its sum
 * is removed.
 */
#ifndef TINED_SHARED_DEFERRED_BUDGET_H
#define TINED_SHARED_DEFERRED_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/scoreboard.h"

struct deferred_budget {
	uint64_t max; /* bytes */
	/* Has the sum of the lot, and those of workers.  Bytes that a worker
	 * hands to the lot are in its sum until the lot has received them. */
	struct scoreboard *board;
};

struct deferred_budget *deferred_budget_create(
    struct scoreboard *board, uint64_t max);
void deferred_budget_free(struct deferred_budget *r);
/* Called by a worker: true if it may keep that many more bytes. */
bool deferred_budget_take(
    struct deferred_budget *r, size_t slot, uint64_t bytes);
/*
 * Called by a worker that does not keep them any more, or by the lot when it
 * has added them to its own sum.  Ignores an invalid slot, and returns no more
 * than the slot has.
 */
void deferred_budget_return(
    struct deferred_budget *r, size_t slot, uint64_t bytes);
/*
 * Called by a worker that keeps nothing: true if its sum is not 0, because the
 * lot has not received the bytes yet.  If the lot is killed just then, the sum
 * stays, and deferred_budget_forget removes it.
 */
bool deferred_budget_is_due(const struct deferred_budget *r, size_t slot);
/* Called also by the master when the worker of that slot has ended. */
void deferred_budget_forget(struct deferred_budget *r, size_t slot);
/* Returns the total of all sums. */
uint64_t deferred_budget_used(const struct deferred_budget *r);

#endif
