#include "memory.h"
#include "ration.h"

struct ration *
ration_create(size_t slots, uint64_t max, const struct score_lot *lot)
{
	struct ration *r = memory_share(
	    sizeof(*r) + slots * sizeof(((struct ration *)NULL)->workers[0]));

	if (r == NULL)
		return NULL;
	r->max = max;
	r->slots = slots;
	r->lot = lot;
	return r;
}

/*
 * That of the lot is the last: it says what it has from a worker before that
 * one has less, so that nothing on its way is missed.
 */
uint64_t
ration_used(const struct ration *r)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->slots; i++)
		sum += atomic_load(&r->workers[i]);
	return sum + atomic_load(&r->lot->deferred);
}

bool
ration_take(struct ration *r, size_t slot, uint64_t bytes)
{
	atomic_fetch_add(&r->workers[slot], bytes);
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

	if (slot >= r->slots)
		return;
	has = atomic_load(&r->workers[slot]);
	do
		left = has > bytes ? has - bytes : 0;
	while (!atomic_compare_exchange_weak(&r->workers[slot], &has, left));
}

bool
ration_is_due(const struct ration *r, size_t slot)
{
	return atomic_load(&r->workers[slot]) > 0;
}

void
ration_forget(struct ration *r, size_t slot)
{
	atomic_store(&r->workers[slot], 0);
}
