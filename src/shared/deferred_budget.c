#include <stdlib.h>

#include "base/memory.h"
#include "shared/deferred_budget.h"
#include "shared/scoreboard_raw.h"

struct deferred_budget *
deferred_budget_create(struct scoreboard *board, uint64_t max)
{
	struct deferred_budget *r = memory_get_array(1, sizeof(*r));

	r->board = board;
	r->max = max;
	return r;
}

void
deferred_budget_free(struct deferred_budget *r)
{
	free(r);
}

static atomic_uint_least64_t *
sum_of(const struct deferred_budget *r, size_t slot)
{
	return &scoreboard_slot(r->board, slot)->deferred;
}

/* A worker that was taken over may report any number. */
static uint64_t
bounded(const struct deferred_budget *r, uint64_t bytes)
{
	return bytes < r->max ? bytes : r->max;
}

/*
 * Reads the lot's sum last.  The lot adds bytes to its sum before the worker
 * subtracts them from its own, so bytes on their way are not missed.
 */
uint64_t
deferred_budget_used(const struct deferred_budget *r)
{
	size_t used = atomic_load(&r->board->server->used);
	uint64_t sum = 0;

	for (size_t i = 0; i < used; i++)
		sum += bounded(r, atomic_load(sum_of(r, i)));
	return sum + atomic_load(&r->board->lot->deferred);
}

bool
deferred_budget_take(struct deferred_budget *r, size_t slot, uint64_t bytes)
{
	uint64_t own = atomic_fetch_add(sum_of(r, slot), bytes) + bytes;

	/*
	 * Each sum is checked alone, too: deferred_budget_used clamps it, so it
	 * always seems to fit.
	 */
	if (own <= r->max && deferred_budget_used(r) <= r->max)
		return true;
	deferred_budget_return(r, slot, bytes);
	return false;
}

/*
 * Bytes that a worker sent just before it died do not count for its successor,
 * so a return may exceed the sum.
 */
void
deferred_budget_return(struct deferred_budget *r, size_t slot, uint64_t bytes)
{
	uint64_t has, left;

	if (slot >= r->board->count)
		return;
	has = atomic_load(sum_of(r, slot));
	do
		left = has > bytes ? has - bytes : 0;
	while (!atomic_compare_exchange_weak(sum_of(r, slot), &has, left));
}

bool
deferred_budget_is_due(const struct deferred_budget *r, size_t slot)
{
	return atomic_load(sum_of(r, slot)) > 0;
}

void
deferred_budget_forget(struct deferred_budget *r, size_t slot)
{
	atomic_store(sum_of(r, slot), 0);
}
