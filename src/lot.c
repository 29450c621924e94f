#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "connection.h"
#include "handoff.h"
#include "head.h"
#include "log.h"
#include "lot.h"
#include "memory.h"
#include "relog.h"
#include "signals.h"

#define LOT_EVENTS 256
/* The signal that the kernel sends when the master is gone. */
#define LOT_ORPHANED SIGUSR2
#define LOT_OTHER_FDS 64 /* of the process, that are no connections */
#define LOT_RESERVE 32	 /* of those: for what workers park when it is full */
#define LOT_BERTHS_MIN 64
#define LOT_CHOKED_PAUSE (5 * CLOCK_MILLISECOND)

/*
 * What a connection waits for.  In each state all wait equally long, so that a
 * queue is in the order of its deadlines.
 */
enum berth_state {
	BERTH_IDLE,   /* for the first byte of a request */
	BERTH_HEAD,   /* for the rest of a head */
	BERTH_READY,  /* for a worker */
	BERTH_LINGER, /* for the client to close */
	BERTH_DEAD,   /* for the events at hand to be done with */
	BERTH_STATES
};

struct berth {
	TAILQ_ENTRY(berth) entry;
	enum berth_state state;
	int fd;
	int64_t since;	   /* when the state began */
	int64_t parked;	   /* when it came here */
	int64_t gap;	   /* from then until its head was complete */
	uint32_t requests; /* answered on it so far */
	bool late;	   /* its head took too long */
	size_t drained;	   /* bytes, of BERTH_LINGER */
	struct head_scan scan;
	struct peer peer;
	char *bytes; /* owned; NULL if there are none */
	size_t len;
};

TAILQ_HEAD(berths, berth);

struct lot {
	struct heritage *heritage;
	int epoll;
	int wake; /* an eventfd: a signal came */
	struct berths queues[BERTH_STATES];
	size_t count; /* of all berths */
	size_t counts[BERTH_STATES];
	size_t max;
	size_t room; /* bytes that are kept of a connection */
	bool told_full;
	bool held_off; /* there is no room for more */
	int64_t limits[BERTH_STATES];
	bool lane_is_full;
	bool lane_is_choked; /* it may hold no more descriptors */
	bool stopping;
	char *scratch; /* for bytes of a message, or from a socket */
};

static volatile sig_atomic_t want_stop;
static volatile sig_atomic_t want_end;
static int wake_fd = -1; /* for the handler, which gets no argument */

static void
on_signal(int signo)
{
	const uint64_t one = 1;
	int saved = errno;

	want_stop = 1;
	if (signo == LOT_ORPHANED)
		want_end = 1;
	(void)!write(wake_fd, &one, sizeof(one));
	errno = saved;
}

static int
watch(const struct lot *lot, int fd, uint32_t events, void *what)
{
	struct epoll_event event = {.events = events, .data.ptr = what};

	return epoll_ctl(lot->epoll, EPOLL_CTL_ADD, fd, &event);
}

static void
unwatch(const struct lot *lot, int fd)
{
	(void)epoll_ctl(lot->epoll, EPOLL_CTL_DEL, fd, NULL);
}

static void
berth_enter(struct lot *lot, struct berth *b, enum berth_state state)
{
	TAILQ_REMOVE(&lot->queues[b->state], b, entry);
	lot->counts[b->state]--;
	b->state = state;
	b->since = clock_now();
	TAILQ_INSERT_TAIL(&lot->queues[state], b, entry);
	lot->counts[state]++;
}

/*
 * The descriptor may be open elsewhere too, on its way to a worker, so that
 * closing it here would not end the watch.  An event for the berth may be at
 * hand already: its memory stays until bury_dead.
 */
static void
berth_release(struct lot *lot, struct berth *b)
{
	unwatch(lot, b->fd);
	close(b->fd);
	lot->count--;
	berth_enter(lot, b, BERTH_DEAD);
}

static void
bury_dead(struct lot *lot)
{
	struct berth *b;

	while ((b = TAILQ_FIRST(&lot->queues[BERTH_DEAD])) != NULL) {
		TAILQ_REMOVE(&lot->queues[BERTH_DEAD], b, entry);
		free(b->bytes);
		free(b);
	}
	lot->counts[BERTH_DEAD] = 0;
}

/* For whoever wants to know (scoreboard.h); a few stores. */
static void
report(const struct lot *lot)
{
	static const enum score_wait waits[BERTH_DEAD] = {
	    [BERTH_IDLE] = WAIT_IDLE,
	    [BERTH_HEAD] = WAIT_HEAD,
	    [BERTH_READY] = WAIT_WORKER,
	    [BERTH_LINGER] = WAIT_LINGER,
	};
	struct score_lot *score = &lot->heritage->board->lot;

	for (int i = 0; i < BERTH_DEAD; i++)
		score_lot_set(score, waits[i], lot->counts[i]);
	score_lot_peak(score, lot->count);
}

static struct berth *
berth_new(struct lot *lot, int fd, const struct handoff *h)
{
	struct berth *b = memory_get_array(1, sizeof(*b));

	b->fd = fd;
	b->peer = h->peer;
	b->requests = h->requests;
	b->since = b->parked = clock_now();
	b->state = h->kind == HANDOFF_LINGER ? BERTH_LINGER : BERTH_IDLE;
	TAILQ_INSERT_TAIL(&lot->queues[b->state], b, entry);
	lot->counts[b->state]++;
	lot->count++;
	if (watch(lot, fd, EPOLLIN, b) == 0)
		return b;
	log_error("cannot watch a connection: %s", strerror(errno));
	berth_release(lot, b);
	return NULL;
}

static void
set_bytes(struct berth *b, const char *bytes, size_t len)
{
	b->bytes = memory_resize(b->bytes, b->len + len, 1);
	memcpy(b->bytes + b->len, bytes, len);
	b->len += len;
}

/* True when it is gone to a worker. */
static bool
hand_over(struct lot *lot, struct berth *b)
{
	const struct handoff h = {
	    .kind = b->late ? HANDOFF_LATE : HANDOFF_SERVE,
	    .requests = b->requests,
	    .since = b->since,
	    .gap = b->gap,
	    .peer = b->peer,
	};

	if (handoff_send(&lot->heritage->ready, &h, b->fd, b->bytes, b->len) ==
	    -1)
		return false;
	berth_release(lot, b);
	return true;
}

/*
 * In the order of their arrival, as many as the lane takes.  A user who is not
 * root may have no more descriptors on their way than files open (unix(7)): the
 * lane then looks writable, and is not.
 */
static void
hand_over_ready(struct lot *lot)
{
	int lane = lot->heritage->ready.to;
	struct berth *b;
	bool full;

	while ((b = TAILQ_FIRST(&lot->queues[BERTH_READY])) != NULL)
		if (!hand_over(lot, b))
			break;
	lot->lane_is_choked = b != NULL && errno == ETOOMANYREFS;
	full = b != NULL && !lot->lane_is_choked;
	if (full && !lot->lane_is_full)
		watch(lot, lane, EPOLLOUT, &lot->lane_is_full);
	else if (!full && lot->lane_is_full)
		unwatch(lot, lane);
	lot->lane_is_full = full;
}

/* It is not looked at any more until a worker has it. */
static void
make_ready(struct lot *lot, struct berth *b)
{
	unwatch(lot, b->fd);
	b->gap = clock_now() - b->parked;
	berth_enter(lot, b, BERTH_READY);
}

/* What cannot be one is ready too: a worker refuses it. */
static void
look_for_head(struct lot *lot, struct berth *b)
{
	uint64_t max = lot->heritage->config.max_head;

	if (b->len == 0)
		return;
	if (head_find(&b->scan, b->bytes, b->len, max) != HEAD_MORE)
		make_ready(lot, b);
	else if (b->state == BERTH_IDLE && head_has_begun(&b->scan, b->len))
		berth_enter(lot, b, BERTH_HEAD);
}

static void
drain(struct lot *lot, struct berth *b)
{
	ssize_t n = recv(
	    b->fd, lot->scratch, HANDOFF_BYTES_MAX, MSG_DONTWAIT | MSG_TRUNC);

	if (n == -1 && errno == EAGAIN)
		return;
	if (n > 0)
		b->drained += (size_t)n;
	if (n <= 0 || b->drained > CONNECTION_LINGER_BYTES)
		berth_release(lot, b);
}

static void
receive(struct lot *lot, struct berth *b)
{
	ssize_t n = recv(b->fd, lot->scratch, lot->room - b->len, MSG_DONTWAIT);

	if (n == -1 && errno == EAGAIN)
		return;
	if (n > 0) {
		set_bytes(b, lot->scratch, (size_t)n);
		look_for_head(lot, b);
	} else if (n == 0 && b->state == BERTH_HEAD) {
		make_ready(lot, b); /* a worker says what is missing */
	} else {
		berth_release(lot, b);
	}
}

static void
act_on_berth(struct lot *lot, struct berth *b)
{
	switch (b->state) {
	case BERTH_IDLE:
	case BERTH_HEAD:
		receive(lot, b);
		break;
	case BERTH_LINGER:
		drain(lot, b);
		break;
	case BERTH_READY:
	case BERTH_DEAD:
	case BERTH_STATES:
		break;
	}
}

static void
warn_full(struct lot *lot)
{
	if (!lot->told_full)
		log_warning("%zu connections are held, which is all that there "
			    "is room for: the oldest that can be are closed",
		    lot->count);
	lot->told_full = true;
}

/*
 * True when there is room for one more.  An idle client may be sent away at any
 * time (RFC 9112, 9.5), one that waits for a worker may not.
 */
static bool
make_room(struct lot *lot)
{
	static const enum berth_state order[] = {
	    BERTH_LINGER, BERTH_IDLE, BERTH_HEAD};

	if (lot->count < lot->max)
		return true;
	warn_full(lot);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		struct berth *b = TAILQ_FIRST(&lot->queues[order[i]]);

		if (b != NULL) {
			berth_release(lot, b);
			score_lot_evicted(&lot->heritage->board->lot);
			return true;
		}
	}
	return false;
}

static int
watch_sources(struct lot *lot)
{
	struct heritage *h = lot->heritage;

	if (watch(lot, h->parked.from, EPOLLIN, &h->parked) == -1 &&
	    errno != EEXIST)
		return -1;
	for (size_t i = 0; i < h->listeners.count && !lot->stopping; i++)
		if (watch(lot, h->listeners.at[i].fd, EPOLLIN | EPOLLEXCLUSIVE,
			&h->listeners) == -1)
			return -1;
	return 0;
}

/* What cannot be taken in waits in the kernel, and must not wake us. */
static void
hold_off(struct lot *lot)
{
	const struct heritage *h = lot->heritage;

	for (size_t i = 0; i < h->listeners.count; i++)
		unwatch(lot, h->listeners.at[i].fd);
	lot->held_off = true;
}

static void
go_on_if_possible(struct lot *lot)
{
	if (lot->held_off && lot->count < lot->max) {
		lot->held_off = false;
		(void)watch_sources(lot);
	}
}

/*
 * A worker must not wait to be rid of a client: an idle one that is taken in
 * beyond what there is room for is the next to be closed.
 */
static void
take_parked(struct lot *lot)
{
	struct handoff h;
	struct berth *b;
	size_t len;
	int fd;

	for (;;) {
		if (!make_room(lot) && lot->count >= lot->max + LOT_RESERVE) {
			hold_off(lot);
			unwatch(lot, lot->heritage->parked.from);
			return;
		}
		fd = handoff_receive(&lot->heritage->parked, &h, lot->scratch,
		    HANDOFF_BYTES_MAX, &len);
		if (fd == -1)
			return;
		b = berth_new(lot, fd, &h);
		if (b == NULL || len == 0)
			continue;
		set_bytes(b, lot->scratch, len);
		look_for_head(lot, b);
	}
}

/*
 * Whoever is woken first for a new connection is the first in the listener's
 * queue that waits: the lot goes to its end, to be woken only when no worker
 * is idle.
 */
static void
step_back(const struct lot *lot, int listener)
{
	unwatch(lot, listener);
	watch(
	    lot, listener, EPOLLIN | EPOLLEXCLUSIVE, &lot->heritage->listeners);
}

/* Every worker is busy: what would wait for one in silence waits here. */
static void
accept_from(struct lot *lot, int listener)
{
	struct handoff h = {.kind = HANDOFF_WAIT};
	struct berth *b;
	int fd;

	if (!make_room(lot)) {
		hold_off(lot);
		return;
	}
	h.peer.length = sizeof(h.peer.address);
	fd = accept4(listener, (struct sockaddr *)&h.peer.address,
	    &h.peer.length, SOCK_CLOEXEC);
	if (scoreboard_has_idle(lot->heritage->board))
		step_back(lot, listener);
	if (fd == -1)
		return;
	score_lot_accepted(&lot->heritage->board->lot);
	peer_set_name(&h.peer);
	if (h.peer.address.ss_family == AF_UNIX)
		listener_set_timeouts(&lot->heritage->listeners, fd);
	b = berth_new(lot, fd, &h);
	if (b != NULL)
		receive(lot, b);
}

static void
accept_all(struct lot *lot)
{
	const struct listeners *l = &lot->heritage->listeners;

	for (size_t i = 0; i < l->count && !lot->stopping && !lot->held_off;
	     i++)
		accept_from(lot, l->at[i].fd);
}

static void
expire(struct lot *lot, struct berth *b)
{
	if (b->state != BERTH_HEAD) {
		berth_release(lot, b);
		return;
	}
	b->late = true;
	make_ready(lot, b);
}

/* The first of each queue is the first to be over. */
static int64_t
expire_all(struct lot *lot)
{
	int64_t now = clock_now();
	int64_t next = CLOCK_NEVER;
	struct berth *b;

	for (int state = 0; state < BERTH_STATES; state++) {
		int64_t limit = lot->limits[state];

		if (limit == CLOCK_NEVER)
			continue;
		while ((b = TAILQ_FIRST(&lot->queues[state])) != NULL &&
		    b->since + limit <= now)
			expire(lot, b);
		if (b != NULL && b->since + limit < next)
			next = b->since + limit;
	}
	return next;
}

static void
act_on_event(struct lot *lot, const struct epoll_event *event)
{
	void *what = event->data.ptr;

	if (what == &lot->heritage->parked)
		take_parked(lot);
	else if (what == &lot->heritage->listeners)
		accept_all(lot);
	else if (what != &lot->lane_is_full && what != &lot->wake)
		act_on_berth(lot, what);
}

/* Idle clients are sent away; the others are served first. */
static void
begin_stop(struct lot *lot)
{
	const struct listeners *l = &lot->heritage->listeners;
	struct berth *b;

	lot->stopping = true;
	unwatch(lot, lot->wake);
	for (size_t i = 0; i < l->count; i++)
		unwatch(lot, l->at[i].fd);
	while ((b = TAILQ_FIRST(&lot->queues[BERTH_IDLE])) != NULL)
		berth_release(lot, b);
	lot->limits[BERTH_IDLE] = 0;
}

static bool
is_done(const struct lot *lot)
{
	return lot->stopping && TAILQ_EMPTY(&lot->queues[BERTH_HEAD]) &&
	    TAILQ_EMPTY(&lot->queues[BERTH_READY]);
}

/* Rounded up, so that a deadline has passed when the wait is over. */
static int
milliseconds_until(int64_t deadline)
{
	int64_t left = deadline - clock_now();

	if (deadline == CLOCK_NEVER)
		return -1;
	if (left <= 0)
		return 0;
	left = (left + CLOCK_MILLISECOND - 1) / CLOCK_MILLISECOND;
	return left < INT_MAX ? (int)left : INT_MAX;
}

static void
wait_for_events(struct lot *lot, int64_t until)
{
	struct epoll_event events[LOT_EVENTS];
	int n = epoll_wait(
	    lot->epoll, events, LOT_EVENTS, milliseconds_until(until));

	for (int i = 0; i < n; i++)
		act_on_event(lot, &events[i]);
	bury_dead(lot);
	report(lot);
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void
loop(struct lot *lot)
{
	while (!want_end) {
		int64_t next = expire_all(lot);

		hand_over_ready(lot);
		go_on_if_possible(lot);
		if (want_stop && !lot->stopping)
			begin_stop(lot);
		if (lot->stopping) /* what workers parked before they knew */
			take_parked(lot);
		if (is_done(lot))
			break;
		if (lot->lane_is_choked)
			next = sooner(next, clock_now() + LOT_CHOKED_PAUSE);
		wait_for_events(lot, next);
	}
}

/* Each connection is a descriptor; some are kept for everything else. */
static size_t
raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return LOT_BERTHS_MIN;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur > LOT_BERTHS_MIN + LOT_OTHER_FDS
	    ? limit.rlim_cur - LOT_OTHER_FDS
	    : LOT_BERTHS_MIN;
}

static void
set_up_signals(void)
{
	static const int stop[] = {SIGTERM, LOT_ORPHANED, 0};
	static const int ignored[] = {
	    SIGINT, SIGQUIT, SIGUSR1, SIGTTIN, SIGTTOU, SIGWINCH, SIGPIPE, 0};
	sigset_t none;

	signals_handle(stop, on_signal);
	signals_ignore(ignored);
	sigemptyset(&none);
	signals_set_mask(&none);
}

static int
start(struct lot *lot)
{
	lot->epoll = epoll_create1(EPOLL_CLOEXEC);
	lot->wake = wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (lot->epoll == -1 || lot->wake == -1 ||
	    watch(lot, lot->wake, EPOLLIN, &lot->wake) == -1)
		return -1;
	return watch_sources(lot);
}

/* The listeners first: the port may be wanted by a successor. */
static void
end(struct lot *lot)
{
	const struct listeners *l = &lot->heritage->listeners;
	struct berth *b;

	for (size_t i = 0; i < l->count; i++)
		close(l->at[i].fd);
	for (int state = 0; state < BERTH_DEAD; state++)
		while ((b = TAILQ_FIRST(&lot->queues[state])) != NULL)
			berth_release(lot, b);
	bury_dead(lot);
	report(lot);
	free(lot->scratch);
	close(lot->epoll);
}

int
lot_run(struct heritage *heritage, pid_t master)
{
	struct lot lot = {
	    .heritage = heritage,
	    .max = raise_limit(),
	    .room = client_room(&heritage->config),
	    .limits =
		{
		    [BERTH_IDLE] = heritage->config.keepalive_timeout,
		    [BERTH_HEAD] = heritage->config.head_timeout,
		    [BERTH_READY] = CLOCK_NEVER,
		    [BERTH_LINGER] = CONNECTION_LINGER_TIME,
		    [BERTH_DEAD] = CLOCK_NEVER,
		},
	};

	if (lot.room > HANDOFF_BYTES_MAX)
		lot.room = HANDOFF_BYTES_MAX;
	log_set_role("lot");
	setproctitle("lot (clients that wait)");
	for (int state = 0; state < BERTH_STATES; state++)
		TAILQ_INIT(&lot.queues[state]);
	lot.scratch = memory_get(HANDOFF_BYTES_MAX);
	if (privilege_drop(&heritage->privilege, PRIVILEGE_LOT, NULL) == -1)
		return EXIT_FAILURE;
	if (start(&lot) == -1) {
		log_error("cannot start: %s", strerror(errno));
		return EXIT_FAILURE;
	}
	score_lot_start(&heritage->board->lot, lot.max);
	relog_follow(heritage, &heritage->board->lot.logs);
	set_up_signals();
	prctl(PR_SET_PDEATHSIG, LOT_ORPHANED);
	if (getppid() != master)
		raise(LOT_ORPHANED);
	loop(&lot);
	end(&lot);
	return EXIT_SUCCESS;
}
