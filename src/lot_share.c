#include "lot_share.h"

void
lot_share_init(
    struct lot_share *ls, struct share *share, const struct scoreboard *board)
{
	*ls = (struct lot_share){.share = share, .board = board};
}

/*
 * From now on, and not only when it is known that somebody waits: what changes
 * while the queue is gone through is not missed.
 */
void
lot_share_begin(struct lot_share *ls)
{
	ls->full_count = 0;
	if (ls->share != NULL)
		share_set_wanted(ls->share, true);
}

static uint64_t *
place(struct lot_share *ls, uint64_t number)
{
	return &ls->lane[number % LOT_SHARE_LANE];
}

static size_t
count_on_their_way(struct lot_share *ls, uint64_t client)
{
	uint64_t next = atomic_load(&ls->board->lot->handed);
	int64_t left = score_lot_on_the_way(ls->board);
	size_t count = 0;

	for (; left > 0; left--)
		count += *place(ls, next - (uint64_t)left) == client;
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

/* Who arrives at a worker meanwhile is counted twice, and not overlooked. */
bool
lot_share_allows(struct lot_share *ls, uint64_t client)
{
	struct share *s = ls->share;
	size_t count;

	if (s == NULL || client == SHARE_NOBODY)
		return true;
	if (is_known_as_full(ls, client))
		return false;
	count = count_on_their_way(ls, client);
	if (count + share_count(s, client) < s->max)
		return true;
	if (ls->full_count < LOT_SHARE_FULL)
		ls->full[ls->full_count++] = client;
	return false;
}

void
lot_share_handed(struct lot_share *ls, uint64_t client)
{
	if (ls->share != NULL)
		*place(ls, atomic_load(&ls->board->lot->handed)) = client;
}

void
lot_share_end(struct lot_share *ls, bool waiting)
{
	if (ls->share != NULL)
		share_set_wanted(ls->share, waiting);
}

bool
lot_share_is_wanted(const struct lot_share *ls)
{
	return ls->share != NULL && share_is_wanted(ls->share);
}
