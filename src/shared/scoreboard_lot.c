#include <unistd.h>

#include "base/random.h"
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
	RELAXED_SET(lot->number, (uint32_t)random_number() | 1);
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
	RELAXED_SET(lot->number, 0);
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
score_lot_lends_no_more(struct score_lot *lot)
{
	atomic_store(&lot->number, 0); /* before it looks at the mailboxes */
}

void
score_lot_stray(struct score_lot *lot)
{
	RELAXED_SET(lot->strays, RELAXED_GET(lot->strays) + 1);
}

void
score_lot_sleep(struct score_lot *lot, int64_t until)
{
	atomic_store(&lot->due, until); /* before it looks at the mailboxes */
}

void
score_lot_wake(struct score_lot *lot)
{
	RELAXED_SET(lot->due, clock_now());
}

void
score_lot_wants_loans(struct score_lot *lot, bool wants)
{
	if (RELAXED_GET(lot->wants_loans) != wants)
		RELAXED_SET(lot->wants_loans, wants);
}

bool
score_lot_taken(struct scoreboard *board)
{
	uint64_t taken = atomic_fetch_add(&board->common->taken, 1) + 1;

	return taken == atomic_load(&board->lot->room_at);
}

bool
score_lot_await_room(struct scoreboard *board, int64_t count)
{
	uint64_t at = RELAXED_GET(board->lot->handed) - (uint64_t)count;

	/* before it looks how many were taken */
	atomic_store(&board->lot->room_at, at);
	return (int64_t)(at - atomic_load(&board->common->taken)) > 0;
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
