#include <stdlib.h>

#include "memory.h"
#include "ration.h"

struct ration *
ration_create(struct scoreboard *board, uint64_t max)
{
	struct ration *r = memory_get_array(1, sizeof(*r));

	r->board = board;
	r->max = max;
	return r;
}

void
ration_free(struct ration *r)
{
	free(r);
}

static atomic_uint_least64_t *
sum_of(const struct ration *r, size_t slot)
{
	return &scoreboard_slot(r->board, slot)->deferred;
}

/* A worker that was taken over may say anything. */
static uint64_t
bounded(const struct ration *r, uint64_t bytes)
{
	return bytes < r->max ? bytes : r->max;
}

/*
 * That of the lot is the last: it says what it has from a worker before that
 * one has less, so that nothing on its way is missed.
 */
uint64_t
ration_used(const struct ration *r)
{
	size_t used = atomic_load(&r->board->server->used);
	uint64_t sum = 0;

	for (size_t i = 0; i < used; i++)
		sum += bounded(r, atomic_load(sum_of(r, i)));
	return sum + atomic_load(&r->board->lot->deferred);
}

bool
ration_take(struct ration *r, size_t slot, uint64_t bytes)
{
	atomic_fetch_add(sum_of(r, slot), bytes);
	if (ration_used(r) <= r->max)
		return true;
	ration_return(r, slot, bytes);
	return false;
}

/*
 * What a worker sent just before it died is not its successor's: so more may
 * be returned than there is.
 */
void
ration_return(struct ration *r, size_t slot, uint64_t bytes)
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
ration_is_due(const struct ration *r, size_t slot)
{
	return atomic_load(sum_of(r, slot)) > 0;
}

void
ration_forget(struct ration *r, size_t slot)
{
	atomic_store(sum_of(r, slot), 0);
}
