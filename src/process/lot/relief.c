#include "base/clock.h"
#include "connection/output.h"
#include "process/lot/state.h"
#include "shared/scoreboard_read.h"

/*
 * A client has this time to show how fast it receives; and how often the lot
 * checks whether workers need relief.
 */
#define READER_TIME (5 * CLOCK_SECOND)
#define RELIEF_TICK (100 * CLOCK_MILLISECOND)

/* True if no descriptors are left for connections and files. */
static bool
is_full(const struct lot *lot)
{
	return atomic_load(&lot->inherited->board->lot->full);
}

/* Memory for one more response that is not a file, if there is much. */
static uint64_t
reserve(const struct deferred_budget *r)
{
	return r->max / 4 < OUTPUT_DEFER_MAX ? r->max / 4 : OUTPUT_DEFER_MAX;
}

static bool
has_no_room_for_copies(const struct lot *lot)
{
	const struct deferred_budget *r = lot->inherited->deferred_budget;

	return lot->parked.deferred > 0 &&
	    deferred_budget_used(r) + reserve(r) > r->max;
}

/*
 * Workers that cannot hand over their slow clients ask repeatedly whether the
 * lot has room.  The lot closes one connection per tick, so that no more are
 * closed than necessary.
 */
int64_t
lot_relieve_workers(struct lot *lot)
{
	int64_t now = clock_now();
	bool full = is_full(lot);
	struct parked *b;

	if (lot->stopping || lot->moving ||
	    (!full && !has_no_room_for_copies(lot)))
		return CLOCK_NEVER;
	if (now < lot->relief)
		return lot->relief;
	lot->relief = now + RELIEF_TICK;
	if (scoreboard_has_idle(lot->inherited->board))
		return lot->relief;
	b = parked_all_slowest(&lot->parked, now - READER_TIME, !full);
	if (b != NULL) {
		score_lot_evicted(lot->inherited->board->lot);
		lot_give_up_sending(
		    lot, b, "closed as the slowest client, to make room");
	}
	return lot->relief;
}
