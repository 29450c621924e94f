#include "process/lot/client_share.h"

void
client_share_init(struct client_share *ls, struct client_limit *limit,
    const struct scoreboard *board)
{
	*ls = (struct client_share){.limit = limit, .board = board};
}

/*
 * Counts from the beginning of each pass, and not only once a client waits, so
 * that no change during the pass is missed.
 */
void
client_share_begin(struct client_share *ls)
{
	ls->full_count = 0;
	if (ls->limit != NULL)
		client_limit_set_wanted(ls->limit, true);
}

static uint64_t *
place(struct client_share *ls, uint64_t number)
{
	return &ls->channel[number % CLIENT_SHARE_CHANNEL];
}

static size_t
count_on_their_way(struct client_share *ls, uint64_t client)
{
	uint64_t next = atomic_load(&ls->board->lot->handed);
	int64_t left = score_lot_on_the_way(ls->board);
	size_t count = 0;

	for (; left > 0; left--)
		count += *place(ls, next - (uint64_t)left) == client;
	return count;
}

static bool
is_known_as_full(const struct client_share *ls, uint64_t client)
{
	for (size_t i = 0; i < ls->full_count; i++)
		if (ls->full[i] == client)
			return true;
	return false;
}

/*
 * A connection that a worker receives meanwhile is counted twice rather than
 * not at all.
 */
bool
client_share_allows(struct client_share *ls, uint64_t client)
{
	struct client_limit *s = ls->limit;
	size_t count;

	if (s == NULL || client == CLIENT_LIMIT_NOBODY)
		return true;
	if (is_known_as_full(ls, client))
		return false;
	count = count_on_their_way(ls, client);
	if (count + client_limit_count(s, client) < s->max)
		return true;
	if (ls->full_count < CLIENT_SHARE_FULL)
		ls->full[ls->full_count++] = client;
	return false;
}

void
client_share_handed(struct client_share *ls, uint64_t client)
{
	if (ls->limit != NULL)
		*place(ls, atomic_load(&ls->board->lot->handed)) = client;
}

void
client_share_end(struct client_share *ls, bool waiting)
{
	if (ls->limit != NULL)
		client_limit_set_wanted(ls->limit, waiting);
}
