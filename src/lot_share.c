#include "clock.h"
#include "lot_share.h"

/*
 * A worker that was killed just when it took something has not said so: what
 * cannot be on its way any more, after so long, is not counted.
 */
#define LANE_TIME CLOCK_SECOND

void
lot_share_init(struct lot_share *ls, struct share *share)
{
	*ls = (struct lot_share){.share = share};
	if (share != NULL)
		ls->handed = atomic_load(&share->taken);
}

void
lot_share_begin(struct lot_share *ls, const struct handoff_lane *lane)
{
	uint64_t taken;

	ls->full_count = 0;
	if (ls->share == NULL)
		return;
	taken = atomic_load(&ls->share->taken);
	if (ls->handed < taken ||
	    (ls->handed > taken && clock_now() - ls->since > LANE_TIME &&
		!handoff_is_waiting(lane)))
		ls->handed = taken;
}

static size_t
count_on_their_way(const struct lot_share *ls, uint64_t client)
{
	uint64_t from = atomic_load(&ls->share->taken);
	size_t count = 0;

	for (; from < ls->handed; from++)
		count += ls->lane[from % LOT_SHARE_LANE] == client;
	return count;
}

static bool
is_known_as_full(const struct lot_share *ls, uint64_t client)
{
	for (size_t i = 0; i < ls->full_count; i++)
		if (ls->full[i] == client)
			return true;
	return false;
}

bool
lot_share_allows(struct lot_share *ls, uint64_t client)
{
	struct share *s = ls->share;

	if (s == NULL || client == SHARE_NOBODY)
		return true;
	if (is_known_as_full(ls, client))
		return false;
	if (share_count(s, client) + count_on_their_way(ls, client) < s->max)
		return true;
	if (ls->full_count < LOT_SHARE_FULL)
		ls->full[ls->full_count++] = client;
	return false;
}

void
lot_share_handed(struct lot_share *ls, uint64_t client)
{
	if (ls->share == NULL)
		return;
	ls->lane[ls->handed++ % LOT_SHARE_LANE] = client;
	ls->since = clock_now();
}

void
lot_share_end(struct lot_share *ls, bool waiting)
{
	if (ls->share != NULL)
		atomic_store(&ls->share->waiting, waiting);
}
