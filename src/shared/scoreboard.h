/*
 * scoreboard: the state of all processes, in memory that all of them can read.
 * Each part is written by one process only: the master, the lot, or the worker
 * of a slot.  A small part is common to all.  A slot outlives its worker, so
 * that the master can log what a dead worker was doing.  Its counters continue
 * with the next worker, so that their sums never decrease.
 *
 * This header has the functions of those who write; scoreboard_lot.c has those
 * for the lot.  An attacker who takes over a worker can write anything into its
 * slot and into the common part, so all that is read of these is read by the
 * functions of scoreboard_read.h.  Values that must be true are in struct
 * scoreboard, which is private memory of each process.
 */
#ifndef TINED_SHARED_SCOREBOARD_H
#define TINED_SHARED_SCOREBOARD_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "shared/scoreboard_types.h"

/* What a process may write, beside the common part. */
enum scoreboard_writer {
	SCOREBOARD_READER, /* nothing, and not the common part either */
	SCOREBOARD_WORKER, /* its slot */
	SCOREBOARD_LOT,	   /* the part of the lot, and all slots */
};

/* Shared with all processes that are forked later.  NULL with errno. */
struct scoreboard *scoreboard_create(size_t count);
void scoreboard_free(struct scoreboard *board);
/*
 * In a child: restricts it permanently to what that writer may write; it dies
 * if it writes elsewhere.  slot is a worker's own slot.  -1 with errno.
 */
int scoreboard_confine(
    struct scoreboard *board, enum scoreboard_writer writer, size_t slot);
/* Returns slot i < count. */
struct score *scoreboard_slot(const struct scoreboard *board, size_t i);
/*
 * Called by the master before it starts a worker in that slot, which is neither idle
 * nor free yet; and when that worker has ended: from then on the slot is neither,
 * whatever is written.
 */
void scoreboard_use(struct scoreboard *board, size_t slot);
void scoreboard_leave(struct scoreboard *board, size_t slot);

/* Called by the worker that owns the slot: */
void score_start(struct score *s, pid_t pid);
/* Returns clock_now(). */
int64_t score_enter(struct score *s, enum score_state state);
void score_connection(struct score *s, struct text client);
void score_request(struct score *s, struct text line);
/* Begins a request, in SCORE_RUNNING.  Returns clock_now(). */
int64_t score_begin(struct score *s, struct text line);
/*
 * Sets whether the lot counts the client that it serves as idle: one that it has
 * kept (loan.h).
 */
void score_set_kept(struct score *s, bool kept);
/* A part of the response to that request is the client's. */
void score_stream(struct score *s);
/* Async-signal-safe. */
void score_fate(
    struct score *s, enum score_fate fate, int status, uint64_t content);
/* Returns where it enters its current request for the quarantine. */
struct quarantine_request *score_current_request(struct score *s);
/*
 * Returns where it enters the number of the logs that it writes to
 * (log_follow.h).
 */
atomic_uint *score_logs(struct score *s);
void score_add(struct score *s, enum score_count what, uint64_t n);
/* Counts a response with that status code; ignores invalid ones. */
void score_add_status(struct score *s, int status);
/* Counts a request that has taken that many nanoseconds. */
void score_add_latency(struct score *s, int64_t latency);
/* Returns where it counts its stalls; the lot does so in score_lot.stalls. */
struct score_stalls *score_stalls(struct score *s);
/* Counts a stall (stall.h). */
void score_add_stall(struct score_stalls *s, const struct stall *stall);
/* Lets all processes know that there was one at that time (clock.h). */
void scoreboard_saw_stall(struct scoreboard *board, int64_t now);
/*
 * True if no process has logged a stall of that cause within an hour before now
 * (clock.h): then this one does.
 */
bool scoreboard_may_log_stall(
    struct scoreboard *board, enum stall_cause cause, int64_t now);
/*
 * Called when it has received a connection that the lot has handed over: true if
 * it must wake the lot, which waits for that (score_lot_await_room).
 */
bool score_lot_taken(struct scoreboard *board);

/* Called by the lot.  room is the number of connections that it can hold. */
void score_lot_start(struct score_lot *lot, size_t room);
void score_lot_set(struct score_lot *lot, enum score_wait what, size_t n);
void score_lot_peak(struct score_lot *lot, size_t all);
/* Sets the bytes of deferred responses in the lot (deferred_budget.h). */
void score_lot_deferred(struct score_lot *lot, uint64_t bytes);
void score_lot_drained(struct score_lot *lot);
void score_lot_accepted(struct score_lot *lot);
void score_lot_evicted(struct score_lot *lot);
void score_lot_aborted(struct score_lot *lot);
void score_lot_handed(struct score_lot *lot);
/* From now on it has no number: score_lot_number. */
void score_lot_lends_no_more(struct score_lot *lot);
/* Counts what workers gave back that was not lent to them (loan.h). */
void score_lot_stray(struct score_lot *lot);
/*
 * Its heartbeat.  It sleeps until that time (clock.h) at the latest, or, with
 * CLOCK_NEVER, until somebody has something for it; and it goes on.
 */
void score_lot_sleep(struct score_lot *lot, int64_t until);
void score_lot_wake(struct score_lot *lot);
/*
 * Sets whether a worker that gives a loan back must wake the lot if it sleeps.
 * The lot looks at the mailboxes after score_lot_sleep, before it really sleeps.
 */
void score_lot_wants_loans(struct score_lot *lot, bool wants);
/*
 * Asks to be woken by the worker that leaves no more than count on their way.
 * False if there are no more already: then no worker will do so.
 */
bool score_lot_await_room(struct scoreboard *board, int64_t count);
/* Of those that seem to be on their way, that many were lost. */
void score_lot_settle(struct scoreboard *board, int64_t count);

/* Called by the master when the worker of that slot, or the lot, has ended. */
void score_end(struct score *s);
void score_lot_end(struct score_lot *lot);
void scoreboard_add(struct scoreboard *board, enum score_event what);

/* Sets whether the worker of that slot waits for a connection. */
void scoreboard_set_idle(struct scoreboard *board, size_t slot, bool idle);
/*
 * Sets whether it has no client, nor keeps any: it then takes the next one, also
 * if it does not wait for it yet.
 */
void scoreboard_set_free(struct scoreboard *board, size_t slot, bool is_free);
/* Called by a worker that has work: true if it must wake the master. */
bool scoreboard_wake(struct scoreboard *board);
/* Called by the master: asks to be woken by a worker that has work. */
void scoreboard_sleep(struct scoreboard *board);
/*
 * Called by the master: asks to be woken by the worker that leaves fewer than
 * wanted workers idle; 0: by none.  False if there are fewer already: then no
 * worker wakes it.
 */
bool scoreboard_want_idle(struct scoreboard *board, size_t wanted);
/*
 * Called by a worker whose mounted directory was removed: requests a reload.
 * True if it is the first to do so, and must wake the master.
 */
bool scoreboard_want_reload(struct scoreboard *board);
/* Called by the master, which begins a reload. */
void scoreboard_reloads(struct scoreboard *board);
/*
 * Called by a worker that wants to be replaced: true if it may end.  Only one
 * at a time may, until the master has replaced it or does not need to.
 */
bool scoreboard_may_leave(struct scoreboard *board);
/* Called by the master: another worker may end. */
void scoreboard_has_left(struct scoreboard *board);
/*
 * Called by a worker that is not idle any more.  True if fewer are idle than the
 * master wants (scoreboard_want_idle), and this worker must wake it.
 */
bool scoreboard_lacks_idle(struct scoreboard *board);

#endif
