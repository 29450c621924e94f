#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "connection/spool.h"
#include "handlers/upstream.h"
#include "os/time_slice.h"
#include "process/log_follow.h"
#include "process/worker/state.h"
#include "process/worker/worker.h"

/* The longest delay of a signal that arrives just before a wait. */
#define DRAIN_TICK_MS 100
/*
 * After so many clients from the lot, a worker looks for new ones: the lot,
 * which accepts them when all workers are busy, may have no room.
 */
#define TURNS_MAX 8
#define GIVE_WAY_AFTER (CLOCK_MILLISECOND / 4)
#define SLEEP_MIN (20 * CLOCK_MICROSECOND)
/* This part of the descriptors may be of files that are kept open. */
#define FILES_PART 32

static int
watch(struct worker *w, int fd, uint32_t events)
{
	/* The upper half is of clients that are kept. */
	struct epoll_event event = {.events = events, .data.u64 = (uint32_t)fd};

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* EPOLLEXCLUSIVE: one connection wakes one worker. */
static int
watch_listeners(struct worker *w)
{
	const struct listeners *l = &w->inherited->listeners;

	for (size_t i = 0; i < l->count; i++)
		if (watch(w, l->at[i].fd, EPOLLIN | EPOLLEXCLUSIVE) == -1)
			return -1;
	return 0;
}

static int
watch_all(struct worker *w)
{
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->epoll == -1 || w->wake == -1 || watch(w, w->wake, EPOLLIN) == -1)
		return -1;
	if (worker_takes_handed(w) &&
	    watch(w, w->inherited->ready.from, EPOLLIN | EPOLLEXCLUSIVE) == -1)
		return -1;
	/*
	 * Nobody reads it: each time that a lot ends wakes every worker once.
	 */
	if (worker_has_lot(w) &&
	    watch(w, w->inherited->lot_ended.from, EPOLLIN | EPOLLET) == -1)
		return -1;
	if (w->inherited->accept_gate != -1)
		return watch(w, w->inherited->accept_gate, EPOLLIN);
	return watch_listeners(w);
}

/* This server has taken over from its predecessor (takeover.h). */
static void
look_at_gate(struct worker *w)
{
	struct pollfd accept_gate = {
	    .fd = w->inherited->accept_gate, .events = POLLIN};

	if (accept_gate.fd == -1 || poll(&accept_gate, 1, 0) <= 0)
		return;
	(void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, accept_gate.fd, NULL);
	close(accept_gate.fd);
	w->inherited->accept_gate = -1;
	if (watch_listeners(w) == 0 || w->let_go)
		return;
	log_error(
	    "cannot watch the listening sockets: %s; ending", strerror(errno));
	w->want_stop = 1;
}

/*
 * A worker that has a lot waits for no client for long, and so forgets these files
 * in time.
 */
static void
keep_files_open(struct worker *w)
{
	size_t max = w->fd_budget.limit / FILES_PART;

	if (!worker_has_lot(w) || !worker_serves_files_only(w))
		return;
	w->inherited->site.cache.files_max = max < RESPONSE_CACHE_FILES_MAX
	    ? (uint32_t)max
	    : RESPONSE_CACHE_FILES_MAX;
}

static int
worker_start(struct worker *w)
{
	struct inherited *h = w->inherited;
	struct quarantine *q = h->quarantine;
	struct privilege_needs needs = {0};
	char role[32];

	snprintf(role, sizeof(role), "worker %zu", w->slot + 1);
	w->service = (struct service){
	    .config = &h->config,
	    .site = &h->site,
	    .access_log = &h->access_log,
	    .log_format = &h->log_format,
	    .board = h->board,
	    .ready = worker_has_lot(w) ? &h->ready : NULL,
	    .parked = worker_has_lot(w) ? &h->parked : NULL,
	    .worker = w->slot + 1,
	    .title = &w->title,
	    .cache = &h->site.cache,
	    .quarantine = q,
	    .deferred_budget = h->deferred_budget,
	    .send_tick = config_send_tick(&h->config),
	    .recycle = &w->recycle,
	};
	w->title = (struct title){.worker = w->slot + 1};
	log_set_role(role);
	time_slice_set(GIVE_WAY_AFTER);
	w->service.score = scoreboard_slot(h->board, w->slot);
	w->service.current_request = h->quarantine != NULL
	    ? score_current_request(w->service.score)
	    : NULL;
	w->service.master = &h->wanted;
	listener_restore_options(&h->listeners);
	listener_suit_files(&h->listeners, worker_serves_files_only(w));
	recycle_init(&w->recycle, &h->config, h->board);
	if (site_spools(&h->site))
		spool_open();
	site_add_needs(&h->site, &needs);
	if (!worker_has_lot(w))
		needs.more |= PRIVILEGE_SHUTDOWN;
	if (h->config.write_mode == CONFIG_WRITE_CORK)
		needs.more |= PRIVILEGE_CORK;
	w->service.may_shutdown = privilege_may_shutdown(&h->privilege, &needs);
	if (privilege_drop(&h->privilege, PRIVILEGE_WORKER, &needs) == -1)
		return -1;
	privilege_free_needs(&needs);
	score_start(w->service.score, getpid());
	client_init(&w->client, &w->service);
	if (watch_all(w) == -1) {
		log_error("cannot start: %s", strerror(errno));
		return -1;
	}
	if (site_start(&h->site) == -1)
		return -1;
	fd_budget_init(&w->fd_budget, w->wake);
	w->recycle.fd_budget = &w->fd_budget;
	worker_kept_init(w);
	keep_files_open(w);
	log_mute(false);
	/* Who is told of this worker may look for it by its title. */
	title_set(&w->title, NULL);
	wakeup_send(&h->started);
	return 0;
}

/*
 * Takes clients first from the descriptor whose event has ended the wait.  Only
 * this worker is woken for a connection in the channel.  If it took a new
 * connection instead, nobody would serve the one in the channel: the lot is
 * also woken for new connections, but does not receive from the channel.
 */
static void
expect_clients_from(struct worker *w, int source)
{
	const struct listeners *l = &w->inherited->listeners;
	bool handed = source == w->inherited->ready.from;
	bool new = false;

	for (size_t i = 0; i < l->count; i++)
		if (l->at[i].fd == source) {
			w->next = i;
			new = true;
		}
	/* Of what else has ended the wait, nothing is known of clients. */
	w->handed_first = handed;
	w->expects_new = !handed;
	w->expects_handed = !new;
}

/* A wait whose time is over has found no client. */
static void
expect_clients(struct worker *w, const struct epoll_event *event, int count)
{
	if ((count == 0 && !w->backoff.is) ||
	    worker_kept_note(w, event->data.u64))
		w->expects_new = w->expects_handed = false;
	else
		expect_clients_from(w, count > 0 ? (int)event->data.u64 : -1);
}

/*
 * This worker keeps no deferred bytes, and none are on their way.  So a sum
 * that is left belongs to a lot that was killed, and would count for ever.
 */
static void
settle_deferred_budget(const struct worker *w)
{
	struct inherited *h = w->inherited;

	if (worker_has_lot(w) &&
	    deferred_budget_is_due(h->deferred_budget, w->slot) &&
	    !channel_has_message(&h->parked))
		deferred_budget_forget(h->deferred_budget, w->slot);
}

/* While no lot runs, workers receive from the channel to it. */
static void
mind_parked(struct worker *w)
{
	int channel = w->inherited->parked.from;
	bool wanted = worker_has_lot(w) && !worker_is_lot_there(w);

	if (wanted == w->watches_parked)
		return;
	if (!wanted)
		(void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, channel, NULL);
	else if (watch(w, channel, EPOLLIN | EPOLLEXCLUSIVE) == -1)
		return;
	w->watches_parked = wanted;
}

/* Returns how long the worker may sleep, for epoll_wait. */
static int
idle_time_ms(struct worker *w, int64_t now, int64_t end)
{
	end = clock_sooner(end, upstream_settle(now));
	end = clock_sooner(
	    end, response_cache_settle(&w->inherited->site.cache, now));

	/* there may be no event that ends the back-off */
	if (w->backoff.is)
		end = clock_sooner(
		    end, now + ACCEPT_BACKOFF_PAUSE_MS * CLOCK_MILLISECOND);
	end = clock_sooner(end, title_due(&w->title));
	return clock_milliseconds_until(end);
}

/* A wait that has found an event at once was no sleep. */
static void
note_sleep(struct worker *w, int64_t began)
{
	int64_t now = clock_now();

	w->is_busy = w->kept.count > 0 && now - began < SLEEP_MIN;
	if (!w->is_busy)
		w->gave_way = now;
}

/*
 * A busy worker finds an event without having said that it is idle: others, and the
 * lot, would take it for one that can serve more.
 */
static bool
has_event(const struct worker *w, struct epoll_event *event)
{
	return w->is_busy && epoll_wait(w->epoll, event, 1, 0) == 1;
}

/* One event: each may be of a client for which nobody else is woken. */
static int
sleep_until_event(struct worker *w, struct epoll_event *event, int64_t settle)
{
	struct scoreboard *board = w->inherited->board;
	int64_t now = score_enter(w->service.score, SCORE_IDLE);
	int count;

	title_set(&w->title, NULL);
	scoreboard_set_idle(board, w->slot, true);
	count = epoll_wait(w->epoll, event, 1, idle_time_ms(w, now, settle));
	scoreboard_set_idle(board, w->slot, false);
	note_sleep(w, now);
	if (scoreboard_lacks_idle(board) || scoreboard_wake(board))
		wakeup_send(&w->inherited->wanted);
	return count;
}

static void
wait_for_work(struct worker *w)
{
	int64_t settle = worker_kept_settle(w);
	struct epoll_event event = {0};
	int count = 1;

	connection_forget(&w->client.connection);
	settle_deferred_budget(w);
	mind_parked(w);
	w->may_be_woken = true;
	if (!has_event(w, &event))
		count = sleep_until_event(w, &event, settle);
	w->turns = 0;
	expect_clients(w, &event, count);
	look_at_gate(w);
}

/*
 * The next two look only where they expect a client, so that they seldom make a
 * system call that finds none: a wait tells of the others.
 */
static enum worker_taken
take_new_if_expected(struct worker *w)
{
	enum worker_taken taken;

	if (!w->expects_new && w->turns < TURNS_MAX)
		return TAKEN_NOTHING;
	w->turns = 0;
	taken = worker_take_new(w);
	w->expects_new = taken != TAKEN_NOTHING;
	return taken;
}

static enum worker_taken
take_handed_if_expected(struct worker *w)
{
	if (!w->expects_handed &&
	    score_lot_on_the_way(w->inherited->board) <= 0)
		return TAKEN_NOTHING;
	w->expects_handed = false;
	w->turns++;
	return worker_take_handed(w);
}

/*
 * Takes turns, so that neither new nor parked connections starve the others.
 * The channel to a lot that has ended holds few connections, and gets no more.
 */
static enum worker_taken
take_other(struct worker *w)
{
	enum worker_taken taken = TAKEN_NOTHING;
	bool handed_first = w->handed_first;

	if (worker_has_lot(w) && !worker_is_lot_there(w))
		taken = worker_take_parked(w);
	if (taken != TAKEN_NOTHING)
		return taken;
	w->handed_first = !handed_first;
	taken =
	    handed_first ? take_handed_if_expected(w) : take_new_if_expected(w);
	if (taken != TAKEN_NOTHING)
		return taken;
	return handed_first ? take_new_if_expected(w)
			    : take_handed_if_expected(w);
}

/* Clients that are kept take turns with the others, too. */
static enum worker_taken
take_any(struct worker *w)
{
	enum worker_taken taken = TAKEN_NOTHING;

	w->kept_first = !w->kept_first;
	if (w->kept_first)
		taken = worker_take_kept(w);
	if (taken == TAKEN_NOTHING)
		taken = take_other(w);
	return taken == TAKEN_NOTHING ? worker_take_kept(w) : taken;
}

/* The end of what a wait has begun (worker_signals_let_go_of_listeners). */
static enum worker_taken
worker_take_next(struct worker *w)
{
	enum worker_taken taken = take_any(w);

	w->may_be_woken = false;
	if (w->let_go)
		worker_close_listeners(w);
	return taken;
}

/* What was on its way to and from a lot that has ended. */
static enum worker_taken
take_left(struct worker *w)
{
	enum worker_taken taken = worker_take_handed(w);

	return taken != TAKEN_NOTHING ? taken : worker_take_parked(w);
}

/*
 * More workers than cores that never sleep would each run until the scheduler
 * takes the core away, after milliseconds, and mostly in the middle of a client's
 * turn: it then waits until all others have had as much.  So a worker gives way
 * sooner, while it has no client.  The kernel takes the rest of a slice from who
 * does, so that slices are as short (worker_start): after one of milliseconds it
 * would wait for as many turns of the others.  And where clients from elsewhere
 * never end, no wait tells it of those that it keeps.
 */
static void
worker_give_way(struct worker *w)
{
	int64_t now;

	if (w->kept.count == 0 && !service_has_waiting_clients(&w->service))
		return;
	now = clock_now();
	if (now - w->gave_way < GIVE_WAY_AFTER)
		return;
	sched_yield();
	worker_kept_look(w);
	w->gave_way = clock_now();
}

/*
 * A client and a signal may end a wait at the same time.  No other worker is
 * woken for that client, so this one serves it, even as its last action.
 */
static void
work(struct worker *w)
{
	bool looked = false;

	w->expects_new = w->expects_handed = true;
	while (!w->want_stop || !looked) {
		looked = true;
		if (worker_serve(w, worker_take_next(w))) {
			worker_give_way(w);
			continue;
		}
		if (w->want_stop)
			continue;
		wait_for_work(w);
		looked = false;
	}
	worker_kept_end(w);
}

/*
 * When the whole server stops, workers serve clients that the kernel has let
 * in, until the master says that there are no more.  A worker that retires
 * leaves them to the others.
 */
static void
worker_drain(struct worker *w)
{
	const struct scoreboard *board = w->inherited->board;
	struct epoll_event event;
	uint64_t count;

	score_enter(w->service.score, SCORE_STOPPING);
	setproctitle("worker %zu (stopping)", w->slot + 1);
	while (!w->listeners_closed && atomic_load(&board->server->stopping)) {
		w->expects_new = w->expects_handed = true;
		if (worker_serve(w, worker_take_next(w)))
			continue;
		(void)!read(w->wake, &count, sizeof(count));
		w->may_be_woken = true;
		if (!w->let_go)
			epoll_wait(w->epoll, &event, 1, DRAIN_TICK_MS);
	}
	while (atomic_load(&board->server->stopping) &&
	    worker_serve(w, take_left(w)))
		continue;
}

static void
worker_end(struct worker *w)
{
	/* A module may take as long for it as for a request. */
	score_begin(w->service.score, TEXT(""));
	scoreboard_set_free(w->inherited->board, w->slot, false);
	site_stop(&w->inherited->site);
	score_enter(w->service.score, SCORE_STOPPING);
	worker_signals_end();
	client_free(&w->client);
	close(w->epoll);
	close(w->wake);
}

int
worker_run(struct inherited *inherited, size_t slot, pid_t master)
{
	/* Too large for the stack; unused parts of it take no memory. */
	static struct worker w;

	w.inherited = inherited;
	w.slot = slot;
	w.master = master;
	worker_signals_prepare(scoreboard_slot(inherited->board, slot), master);
	if (worker_start(&w) == -1)
		return EXIT_FAILURE;
	log_follow_follow(inherited,
	    score_logs(scoreboard_slot(inherited->board, slot)), master);
	worker_signals_begin(&w);
	work(&w);
	worker_drain(&w);
	worker_end(&w);
	return EXIT_SUCCESS;
}
