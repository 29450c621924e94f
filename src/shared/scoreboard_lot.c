#include <unistd.h>

#include "base/relaxed.h"
#include "shared/scoreboard.h"
#include "shared/scoreboard_raw.h"

/* The counters go on; the connections of the last lot are lost. */
void
score_lot_start(struct score_lot *lot, size_t room)
{
	for (int i = 0; i < SCORE_WAITS; i++)
		RELAXED_SET(lot->waiting[i], 0);
	atomic_store(&lot->full, false);
	RELAXED_SET(lot->deferred, 0);
	RELAXED_SET(lot->room, room);
	score_lot_wake(lot);
	RELAXED_SET(lot->pid, getpid());
}

void
score_lot_set(struct score_lot *lot, enum score_wait what, size_t n)
{
	RELAXED_SET(lot->waiting[what], n);
}

void
score_lot_peak(struct score_lot *lot, size_t all)
{
	if (all > RELAXED_GET(lot->peak))
		RELAXED_SET(lot->peak, all);
}

void
score_lot_deferred(struct score_lot *lot, uint64_t bytes)
{
	RELAXED_SET(lot->deferred, bytes);
}

void
score_lot_end(struct score_lot *lot)
{
	RELAXED_SET(lot->pid, 0);
	for (int i = 0; i < SCORE_WAITS; i++)
		RELAXED_SET(lot->waiting[i], 0);
	RELAXED_SET(lot->deferred, 0);
}

void
score_lot_drained(struct score_lot *lot)
{
	atomic_store(&lot->drained, true);
}

void
score_lot_accepted(struct score_lot *lot)
{
	RELAXED_SET(lot->accepted, RELAXED_GET(lot->accepted) + 1);
}

void
score_lot_handed(struct score_lot *lot)
{
	RELAXED_SET(lot->handed, RELAXED_GET(lot->handed) + 1);
}

void
score_lot_sleep(struct score_lot *lot, int64_t until)
{
	RELAXED_SET(lot->due, until);
}

void
score_lot_wake(struct score_lot *lot)
{
	RELAXED_SET(lot->due, clock_now());
}

void
score_lot_taken(struct scoreboard *board)
{
	atomic_fetch_add(&board->common->taken, 1);
}

/*
 * A worker may report at the same moment, after all, that it has received one.
 */
void
score_lot_settle(struct scoreboard *board, int64_t count)
{
	atomic_fetch_add(&board->common->taken, (uint64_t)count);
}

void
score_lot_evicted(struct score_lot *lot)
{
	RELAXED_SET(lot->evicted, RELAXED_GET(lot->evicted) + 1);
}

void
score_lot_aborted(struct score_lot *lot)
{
	RELAXED_SET(lot->aborted, RELAXED_GET(lot->aborted) + 1);
}
