#include <signal.h>

#include "base/clock.h"
#include "master/stop.h"
#include "os/signals.h"
#include "shared/channel.h"

/* How often the master checks whether the lot has handed over its requests. */
#define LOT_TICK (20 * CLOCK_MILLISECOND)
/*
 * The listeners close when no client has waited for this time; and how often
 * the master checks that.
 */
#define QUIET_TIME (100 * CLOCK_MILLISECOND)
#define QUIET_TICK (20 * CLOCK_MILLISECOND)
/* A handshake without packet loss takes less; or its client is silent. */
#define HANDSHAKE_TIME CLOCK_SECOND

void
stop_begin(struct stop *s, struct children *all, bool leaving)
{
	struct inherited *h = all->inherited;
	int64_t now = clock_now();

	*s = (struct stop){
	    .begun = true,
	    .leaving = leaving,
	    .began = now,
	    .refuses = listener_stop_greeting(&h->listeners),
	    .deadline = now + h->config.stop_timeout,
	};
	atomic_store(&h->board->server->stopping, true);
	if (!leaving)
		child_retire(all, child_of(all, CHILD_LOT));
}

void
stop_cut_short(struct stop *s, struct children *all)
{
	s->cut_short = true;
	s->deadline = CLOCK_NEVER;
	child_log_all(all, "killing");
	child_signal(all, CHILD_WORKER, SIGKILL);
	child_signal(all, CHILD_LOT, SIGKILL);
}

/* True while the lot, or the channel to workers, has requests for workers. */
static bool
is_lot_filled(const struct stop *s, const struct children *all)
{
	return child_of(all, CHILD_LOT)->pid != 0 && !s->leaving &&
	    !atomic_load(&all->inherited->board->lot->drained);
}

/*
 * The last worker may have died while clients wait: in the lot, in the channel
 * from it, or in the kernel's queue of a listener.
 */
static bool
is_worker_missing(const struct stop *s, const struct children *all)
{
	return !child_is_any_worker(all) && !s->leaving && !s->cut_short &&
	    (is_lot_filled(s, all) ||
		channel_has_message(&all->inherited->ready) ||
		listener_has_waiting(&all->inherited->listeners));
}

/*
 * Starts a worker for these clients, and another one if it dies, unless it has
 * died before it was ready.
 */
static void
replace_worker(struct stop *s, struct children *all)
{
	if (s->replaced && !all->restart.proven)
		return;
	s->replaced = true;
	child_spawn(all, 1);
	if (s->workers_told)
		child_signal(all, CHILD_WORKER, SIGTERM);
	if (s->workers_told && !s->draining)
		child_signal(all, CHILD_WORKER, SIGNAL_LET_GO);
}

/*
 * Stops the workers after the lot has handed over its requests.  The lot may go
 * on sending responses.
 */
static void
tell_workers(struct stop *s, struct children *all)
{
	if (is_lot_filled(s, all))
		return;
	s->workers_told = s->draining = true;
	s->quiet_since = clock_now();
	child_signal(all, CHILD_WORKER, SIGTERM);
}

/*
 * Checks handshakes first: a client that completes its handshake in between
 * then counts as waiting.
 */
static bool
may_anybody_come(const struct stop *s, const struct listeners *l)
{
	return (clock_now() - s->began < HANDSHAKE_TIME &&
		   listener_is_greeting(l)) ||
	    listener_has_waiting(l);
}

/*
 * If the kernel cannot refuse new clients, they may keep coming, so this ends
 * after some time.
 */
static bool
is_drained(struct stop *s, const struct listeners *l)
{
	int64_t now = clock_now();

	if (!s->refuses && now - s->began >= HANDSHAKE_TIME)
		return true;
	if (listener_has_waiting(l))
		s->quiet_since = now;
	if (now - s->quiet_since < QUIET_TIME)
		return false;
	if (!may_anybody_come(s, l))
		return true;
	s->quiet_since = clock_now();
	return false;
}

void
stop_act(struct stop *s, struct children *all)
{
	struct listeners *l = &all->inherited->listeners;

	if (s->begun && is_worker_missing(s, all))
		replace_worker(s, all);
	if (s->begun && !s->workers_told)
		tell_workers(s, all);
	if (!s->draining || !is_drained(s, l))
		return;
	s->draining = false;
	listener_close_all(l);
	child_signal(all, CHILD_WORKER, SIGNAL_LET_GO);
	child_signal(all, CHILD_STATUS, SIGNAL_LET_GO);
}

int64_t
stop_next(const struct stop *s)
{
	int64_t next = s->deadline;

	if (!s->workers_told)
		next = clock_sooner(next, clock_now() + LOT_TICK);
	if (s->draining)
		next = clock_sooner(next, clock_now() + QUIET_TICK);
	return next;
}
