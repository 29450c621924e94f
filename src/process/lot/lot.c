#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "connection/connection.h"
#include "os/signals.h"
#include "process/log_follow.h"
#include "process/lot/lot.h"
#include "process/lot/state.h"
#include "shared/scoreboard_read.h"

#define LOT_EVENTS 256
/*
 * Descriptors that the process needs in addition to those that are open at its
 * start, and to those of clients.
 */
#define LOT_OTHER_FDS 12
#define LOT_CLIENT_FDS_MIN 16
/*
 * After the master has died, connections may still be on their way to the lot,
 * which then closes them.
 */
#define LOT_GRACE (100 * CLOCK_MILLISECOND)
#define LOT_CHOKED_PAUSE (5 * CLOCK_MILLISECOND)
/*
 * The largest part of the limit on descriptors that may be on their way to
 * workers.  The kernel counts the descriptors on their way of all processes of
 * a user against that limit (unix(7), ETOOMANYREFS).  Workers must be able to
 * park connections while they receive none; otherwise several servers of one
 * user could wait for each other.
 */
#define LOT_CHANNEL_PART 8

static volatile sig_atomic_t want_stop;
static volatile sig_atomic_t want_end;
static volatile sig_atomic_t want_move;
static volatile sig_atomic_t want_stay;
/* For signal handlers, which have no argument. */
static int wake_fd = -1;
static pid_t parent;

static void
wake(void)
{
	const uint64_t one = 1;

	(void)!write(wake_fd, &one, sizeof(one));
}

static void
lot_on_signal(int signo)
{
	int saved = errno;

	if (signo == SIGNAL_MOVE)
		want_move = 1;
	else if (signo == SIGNAL_STAY)
		want_stay = 1;
	else
		want_stop = 1;
	wake();
	errno = saved;
}

/*
 * Any process may have sent the signal: what counts is whether the parent has
 * changed.
 */
static void
lot_on_orphaned(int signo)
{
	int saved = errno;

	(void)signo;
	if (getppid() != parent) {
		want_stop = want_end = 1;
		wake();
	}
	errno = saved;
}

/* Publishes the counters of the lot (scoreboard.h) with a few stores. */
static void
report(const struct lot *lot)
{
	static const enum score_wait waits[PARKED_DEAD] = {
	    [PARKED_IDLE] = WAIT_IDLE,
	    [PARKED_HEAD] = WAIT_HEAD,
	    [PARKED_COLLECT] = WAIT_BODY,
	    [PARKED_READY] = WAIT_WORKER,
	    [PARKED_SEND] = WAIT_SEND,
	    [PARKED_LINGER] = WAIT_LINGER,
	    [PARKED_LENT] = WAIT_LENT,
	};
	struct score_lot *score = lot->inherited->board->lot;

	for (int i = 0; i < PARKED_DEAD; i++)
		if (i != PARKED_KEPT)
			score_lot_set(score, waits[i], lot->parked.counts[i]);
	score_lot_set(score, WAIT_IDLE,
	    lot->parked.counts[PARKED_IDLE] + lot->parked.counts[PARKED_KEPT]);
	score_lot_peak(
	    score, lot->parked.count - lot->parked.counts[PARKED_LENT]);
	score_lot_deferred(score, lot->parked.deferred);
}

/* The first connection of each queue is the first to time out. */
static int64_t
expire_all(struct lot *lot)
{
	int64_t now = clock_now();
	struct parked *b;

	while ((b = parked_all_timed_out(&lot->parked, now)) != NULL)
		lot_expire(lot, b);
	return parked_all_deadline(&lot->parked);
}

/* This server has taken over from its predecessor (takeover.h). */
static void
open_gate(struct lot *lot)
{
	parked_all_unwatch(&lot->parked, lot->inherited->accept_gate);
	close(lot->inherited->accept_gate);
	lot->inherited->accept_gate = -1;
	lot_open_sources(lot);
}

/* The loop checks in each round the flag that the handler has set. */
static void
lot_wake_up(const struct lot *lot)
{
	uint64_t count;

	(void)!read(lot->wake, &count, sizeof(count));
}

static void
lot_act_on_event(struct lot *lot, const struct epoll_event *event)
{
	void *what = event->data.ptr;

	if (what == &lot->wake)
		lot_wake_up(lot);
	else if (what == &lot->inherited->parked)
		lot_take_from(lot, &lot->inherited->parked);
	else if (what == &lot->inherited->predecessor)
		lot_take_from(lot, &lot->inherited->predecessor);
	else if (what == &lot->inherited->accept_gate)
		open_gate(lot);
	else if (what == &lot->inherited->listeners)
		lot_accept_all(lot);
	else if (what == lot->inherited->loans)
		lot_read_mailboxes(lot);
	else if (what == &lot->client_share)
		(void)wakeup_take(&lot->inherited->client_limit->freed);
	else if (what !=
	    &lot->channel_is_full) /* the loop then hands over the queue */
		lot_act_on_events(lot, what, event->events);
}

static void
release_all(struct lot *lot, enum parked_state state)
{
	struct parked *b;

	while ((b = parked_all_first(&lot->parked, state)) != NULL)
		parked_release(&lot->parked, b);
}

/* Bytes may have arrived that the lot has not read: they are a request. */
static void
release_idle(struct lot *lot)
{
	struct parked *next;

	for (struct parked *b = parked_all_first(&lot->parked, PARKED_IDLE);
	     b != NULL; b = next) {
		next = TAILQ_NEXT(b, entry);
		lot_act_on_parked(lot, b);
	}
	release_all(lot, PARKED_IDLE);
}

/* Closes idle connections; the others are served first. */
static void
lot_begin_stop(struct lot *lot)
{
	lot->stopping = true;
	lot->parked.limits[PARKED_LINGER] = CONNECTION_LINGER_HERE_PAUSE;
	lot_close_listeners(lot);
	lot_recall_all(lot);
}

static bool
has_predecessor(const struct lot *lot)
{
	return lot->inherited->predecessor.from != -1;
}

static void
take_what_comes(struct lot *lot)
{
	lot_take_from(lot, &lot->inherited->parked);
	if (has_predecessor(lot))
		lot_take_from(lot, &lot->inherited->predecessor);
}

/*
 * From now on workers receive what other workers park.  A predecessor that has
 * not ended may still send connections with a request in progress.
 */
static void
end_if_drained(struct lot *lot)
{
	const size_t *counts = lot->parked.counts;

	/*
	 * Includes connections that workers parked before they knew of the
	 * stop.
	 */
	take_what_comes(lot);
	release_idle(lot);
	if (has_predecessor(lot) ||
	    counts[PARKED_HEAD] + counts[PARKED_COLLECT] +
		    counts[PARKED_READY] >
		0)
		return;
	lot->drained = true;
	parked_all_unwatch(&lot->parked, lot->inherited->parked.from);
	score_lot_drained(lot->inherited->board->lot);
}

/* Takes back responses that no worker will receive any more. */
static void
take_back_responses(struct lot *lot)
{
	struct parked *next;

	for (struct parked *b = parked_all_first(&lot->parked, PARKED_READY);
	     b != NULL; b = next) {
		next = TAILQ_NEXT(b, entry);
		if (b->deferred != NULL)
			parked_enter(&lot->parked, b, PARKED_SEND);
	}
}

/* The lot finishes its responses, as workers do. */
static void
go_on_alone(struct lot *lot)
{
	take_back_responses(lot);
	release_all(lot, PARKED_IDLE);
	release_all(lot, PARKED_HEAD);
	release_all(lot, PARKED_COLLECT);
	release_all(lot, PARKED_READY);
	lot->drained = true;
	lot->least = clock_now() + LOT_GRACE;
	lot->end = clock_now() + lot->inherited->config.stop_timeout;
}

/* The successor has ended, and nobody else serves. */
static void
stay(struct lot *lot)
{
	lot_end_move(lot);
	lot_begin_stop(lot);
	go_on_alone(lot);
}

static void
act_on_signals(struct lot *lot)
{
	if (want_move && !lot->moving && !lot->stopping)
		lot_begin_move(lot);
	if (want_stay && lot->moving)
		stay(lot);
	if (want_stop && !lot->stopping && !lot->moving)
		lot_begin_stop(lot);
	if (want_end && lot->end == CLOCK_NEVER)
		go_on_alone(lot);
	if (lot->stopping && !lot->drained)
		end_if_drained(lot);
}

/*
 * True when the workers have ended, so that no more connections come from them,
 * and the predecessor of this server has ended, too.
 */
static bool
has_moved(struct lot *lot)
{
	if (!want_stop && !want_end)
		return false;
	take_what_comes(lot);
	lot_take_from(lot,
	    &lot->inherited->ready); /* no worker is left to receive them */
	(void)lot_take_back_loans(lot);
	lot_recall_all(lot);
	lot_move(lot);
	lot_close_lent(lot);
	return lot->parked.count == 0 && (!has_predecessor(lot) || want_end);
}

/* A reset would destroy the rest of a response that a client still reads. */
static bool
is_done(struct lot *lot)
{
	const size_t *counts = lot->parked.counts;
	int64_t now = clock_now();

	if (lot->moving)
		return has_moved(lot);
	return (lot->drained && (!has_predecessor(lot) || want_end) &&
		   counts[PARKED_SEND] + counts[PARKED_LINGER] == 0 &&
		   now >= lot->least) ||
	    now >= lot->end;
}

static void
wait_for_events(struct lot *lot, int64_t until)
{
	struct score_lot *score = lot->inherited->board->lot;
	struct epoll_event events[LOT_EVENTS];
	int n;

	if (lot->parked.count > 0)
		until = clock_sooner(until, clock_now() + SCORE_LOT_NAP);
	until = clock_sooner(until, lot_lent_deadline(lot));
	score_lot_sleep(score, until);
	if (lot_take_back_loans(lot))
		until = 0;
	n = epoll_wait(lot->parked.epoll, events, LOT_EVENTS,
	    clock_milliseconds_until(until));
	score_lot_wake(score);
	(void)lot_take_back_loans(lot);
	for (int i = 0; i < n; i++) {
		lot_act_on_event(lot, &events[i]);
		lot_make_memory(lot);
	}
	parked_all_free_closed(&lot->parked);
}

static void
lot_loop(struct lot *lot)
{
	for (;;) {
		int64_t next = clock_sooner(expire_all(lot), lot->end);

		lot_look_for_lost_loans(lot);
		lot_look_at_kept(lot);
		if (lot->moving)
			lot_move(lot);
		else
			lot_hand_over_ready(lot);
		next = clock_sooner(next, lot_settle_deadline(lot));
		next = clock_sooner(next, lot_relieve_workers(lot));
		lot_go_on_if_possible(lot);
		act_on_signals(lot);
		if (is_done(lot))
			break;
		if (lot->least > clock_now())
			next = clock_sooner(next, lot->least);
		if (lot->backoff_until > clock_now())
			next = clock_sooner(next, lot->backoff_until);
		if (lot->must_retry)
			next =
			    clock_sooner(next, clock_now() + LOT_CHOKED_PAUSE);
		report(lot);
		wait_for_events(lot, next);
	}
}

/* Returns the limit on open descriptors. */
static size_t
descriptors_max(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

/* The lot has opened its own descriptors, with the lowest numbers. */
static size_t
leave_to_clients(size_t limit, int wake)
{
	size_t others = LOT_OTHER_FDS + LOT_RESERVE;
	int next = fcntl(wake, F_DUPFD_CLOEXEC, 0);

	if (next != -1) {
		close(next);
		others += (size_t)next;
	}
	return limit > LOT_CLIENT_FDS_MIN + others ? limit - others
						   : LOT_CLIENT_FDS_MIN;
}

static void
lot_set_up_signals(void)
{
	const int ours[] = {SIGNAL_STOP, SIGNAL_MOVE, SIGNAL_STAY, 0};
	const int orphaned[] = {SIGNAL_ORPHANED, 0};
	static const int ignored[] = {SIGTERM, 0};
	sigset_t none;

	signals_handle_from(ours, lot_on_signal, parent);
	signals_handle(orphaned, lot_on_orphaned);
	signals_leave_to_master();
	signals_ignore(ignored);
	sigemptyset(&none);
	signals_set_mask(&none);
	prctl(PR_SET_PDEATHSIG, SIGNAL_ORPHANED);
	if (getppid() != parent) /* the parent died before that */
		raise(SIGNAL_ORPHANED);
}

static int
lot_start(struct lot *lot)
{
	const struct config *c = &lot->inherited->config;
	int64_t *limits = lot->parked.limits;

	lot->wake = wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (parked_all_init(&lot->parked) == -1 || lot->wake == -1 ||
	    parked_all_watch(&lot->parked, lot->wake, EPOLLIN, &lot->wake) ==
		-1)
		return -1;
	lot->parked.beside = lot->inherited->client_memory;
	limits[PARKED_IDLE] = c->keepalive_timeout;
	limits[PARKED_HEAD] = c->head_timeout;
	limits[PARKED_COLLECT] = c->body_timeout;
	limits[PARKED_SEND] = c->send_timeout;
	limits[PARKED_LINGER] = CONNECTION_LINGER_PAUSE;
	return lot_watch_sources(lot);
}

/* From now on, workers park connections in the channel, for other workers. */
static void
end_loans(struct lot *lot)
{
	score_lot_lends_no_more(lot->inherited->board->lot);
	(void)lot_take_back_loans(lot);
	lot_recall_all(lot);
	if (!lot->moving)
		lot_hand_over_ready(lot);
	lot_close_lent(lot);
}

static void
lot_end(struct lot *lot)
{
	end_loans(lot);
	parked_all_free(&lot->parked);
	lot_lent_free(lot);
	report(lot);
	free(lot->scratch);
}

int
lot_run(struct inherited *inherited, pid_t master)
{
	struct lot lot = {
	    .inherited = inherited,
	    .max = descriptors_max(),
	    .room = connection_room(&inherited->config),
	    .end = CLOCK_NEVER,
	};

	parent = master;
	if (lot.room > inherited->ready.room)
		lot.room = inherited->ready.room;
	log_set_role("lot");
	setproctitle("lot (idle and slow clients)");
	client_share_init(
	    &lot.client_share, inherited->client_limit, inherited->board);
	lot.scratch = memory_get(HANDOFF_BYTES_MAX);
	if (privilege_drop(&inherited->privilege, PRIVILEGE_LOT, NULL) == -1)
		return EXIT_FAILURE;
	if (lot_lent_init(&lot) == -1 || lot_start(&lot) == -1) {
		log_error("cannot start: %s", strerror(errno));
		return EXIT_FAILURE;
	}
	lot.channel_max = lot.max / LOT_CHANNEL_PART;
	lot.max = leave_to_clients(lot.max, lot.wake);
	score_lot_start(inherited->board->lot, lot.max);
	/*
	 * The master may wait for the lot before it says that the server is
	 * ready.
	 */
	wakeup_send(&inherited->wanted);
	wakeup_close(&inherited->wanted);
	log_follow_follow(inherited, &inherited->board->lot->logs, master);
	lot_set_up_signals();
	lot_loop(&lot);
	lot_end(&lot);
	return EXIT_SUCCESS;
}
