#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "process/lot/parked.h"

int
parked_all_init(struct parked_all *all)
{
	*all = (struct parked_all){.epoll = epoll_create1(EPOLL_CLOEXEC)};
	for (int state = 0; state < PARKED_STATES; state++) {
		TAILQ_INIT(&all->queues[state]);
		all->limits[state] = CLOCK_NEVER;
	}
	return all->epoll == -1 ? -1 : 0;
}

void
parked_all_free(struct parked_all *all)
{
	struct parked *b;

	for (int state = 0; state < PARKED_DEAD; state++)
		while ((b = TAILQ_FIRST(&all->queues[state])) != NULL)
			parked_release(all, b);
	parked_all_free_closed(all);
	close(all->epoll);
}

int
parked_all_watch(
    const struct parked_all *all, int fd, uint32_t events, void *what)
{
	struct epoll_event event = {.events = events, .data.ptr = what};

	return epoll_ctl(all->epoll, EPOLL_CTL_ADD, fd, &event);
}

void
parked_all_unwatch(const struct parked_all *all, int fd)
{
	(void)epoll_ctl(all->epoll, EPOLL_CTL_DEL, fd, NULL);
}

/*
 * Edge-triggered where the lot reads all that there is: so a connection can be
 * lent while it is watched, and need not be watched anew when it comes back.
 */
#define EVENTS_OF_REQUESTS (EPOLLIN | EPOLLRDHUP | EPOLLET)
/* Errors cannot be left out, but are reported once. */
#define EVENTS_NONE EPOLLET

/* Returns the events of a state.  Where a worker comes next there are none. */
static uint32_t
events_of(enum parked_state state)
{
	switch (state) {
	case PARKED_IDLE:
	case PARKED_HEAD:
	case PARKED_COLLECT:
		return EVENTS_OF_REQUESTS;
	case PARKED_LINGER:
		return EPOLLIN;
	case PARKED_SEND:
		return EPOLLOUT;
	case PARKED_READY:
	case PARKED_LENT:
	case PARKED_KEPT:
	case PARKED_DEAD:
	case PARKED_STATES:
		break;
	}
	return EVENTS_NONE;
}

/* The kernel reports at once what is ready already. */
static void
watch_for(const struct parked_all *all, struct parked *b, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = b};

	if (events == b->events)
		return;
	b->events = events;
	if (events != EVENTS_NONE)
		b->unread = false;
	(void)epoll_ctl(all->epoll, EPOLL_CTL_MOD, b->fd, &event);
}

/*
 * In such a state nothing is read.  What comes then is reported again when the
 * connection is watched anew.
 */
static void
watch_for_state(const struct parked_all *all, struct parked *b)
{
	uint32_t events = events_of(b->state);

	if (events == EVENTS_NONE && b->events == EVENTS_OF_REQUESTS)
		return;
	watch_for(all, b, events);
}

void
parked_note_unread(const struct parked_all *all, struct parked *b)
{
	if (b->unread)
		watch_for(all, b, EVENTS_NONE);
	b->unread = true;
}

void
parked_watch_nothing(const struct parked_all *all, struct parked *b)
{
	watch_for(all, b, EVENTS_NONE);
	b->unread = false;
}

static void
insert(struct parked_all *all, struct parked *b)
{
	TAILQ_INSERT_TAIL(&all->queues[b->state], b, entry);
	all->counts[b->state]++;
}

static void
take_out(struct parked_all *all, struct parked *b)
{
	TAILQ_REMOVE(&all->queues[b->state], b, entry);
	all->counts[b->state]--;
}

/*
 * The lot must not block when it sends.  A worker, which gets the socket next,
 * expects a blocking one.
 */
static void
set_blocking(const struct parked *b, bool blocking)
{
	int on = !blocking;

	(void)ioctl(b->fd, FIONBIO, &on);
}

uint64_t
parked_queued(const struct parked *b)
{
	int bytes = 0;

	return ioctl(b->fd, SIOCOUTQ, &bytes) == 0 ? (uint64_t)bytes : 0;
}

static void
parked_drop_deferred(struct parked_all *all, struct parked *b)
{
	if (b->deferred == NULL)
		return;
	all->memory -= deferred_size(b->deferred);
	all->descriptors -= deferred_descriptors(b->deferred);
	all->deferred -= b->deferred->spilled;
	deferred_release(b->deferred);
	free(b->deferred);
	b->deferred = NULL;
}

struct parked *
parked_new(struct parked_all *all, int fd, enum parked_state state)
{
	struct parked *b = memory_get_array(1, sizeof(*b));
	int error;

	b->fd = fd;
	b->events = events_of(state);
	b->since = b->parked = clock_now();
	b->state = state;
	if (parked_all_watch(all, fd, b->events, b) == -1) {
		error = errno;
		log_error("cannot watch a connection: %s; closing it",
		    strerror(error));
		free(b);
		errno = error;
		return NULL;
	}
	insert(all, b);
	all->count++;
	all->descriptors++;
	all->memory += sizeof(*b) + all->beside;
	return b;
}

void
parked_enter(struct parked_all *all, struct parked *b, enum parked_state state)
{
	enum parked_state before = b->state;

	take_out(all, b);
	b->state = state;
	b->since = clock_now();
	b->moved = 0;
	b->queued = state == PARKED_SEND ? parked_queued(b) : 0;
	insert(all, b);
	watch_for_state(all, b);
	if ((before == PARKED_SEND) != (state == PARKED_SEND))
		set_blocking(b, state != PARKED_SEND);
	if (state != PARKED_SEND && state != PARKED_READY)
		parked_drop_deferred(all, b);
}

void
parked_set_deferred(
    struct parked_all *all, struct parked *b, const struct deferred *deferred)
{
	size_t size = deferred_size(deferred);

	b->deferred = memory_get(size);
	memcpy(b->deferred, deferred, size);
	all->memory += size;
	all->descriptors += deferred_descriptors(b->deferred);
	all->deferred += b->deferred->spilled;
	b->queued = parked_queued(b);
	set_blocking(b, false);
}

uint64_t
parked_taken(const struct parked *b)
{
	uint64_t sent = b->moved + b->queued;
	uint64_t queued = parked_queued(b);

	return sent > queued ? sent - queued : 0;
}

/* Approximately, in bytes per second. */
static double
speed_of(const struct parked *b, int64_t now)
{
	return (double)b->sent / (double)(now - b->parked + 1);
}

struct parked *
parked_all_slowest(const struct parked_all *all, int64_t before, bool with_copy)
{
	int64_t now = clock_now();
	struct parked *slowest = NULL;

	for (struct parked *b = TAILQ_FIRST(&all->queues[PARKED_SEND]);
	     b != NULL; b = TAILQ_NEXT(b, entry)) {
		if (b->parked >= before ||
		    (with_copy && b->deferred->spill == -1))
			continue;
		if (slowest == NULL ||
		    speed_of(b, now) < speed_of(slowest, now))
			slowest = b;
	}
	return slowest;
}

void
parked_add_bytes(
    struct parked_all *all, struct parked *b, const char *bytes, size_t len)
{
	if (len == 0)
		return;
	b->bytes = memory_resize(b->bytes, b->len + len, 1);
	memcpy(b->bytes + b->len, bytes, len);
	b->len += len;
	all->memory += len;
}

void
parked_forget_request(struct parked_all *all, struct parked *b)
{
	all->memory -= b->len;
	free(b->bytes);
	b->bytes = NULL;
	b->len = 0;
	b->scan = (struct request_head_scan){0};
	b->request_timed_out = false;
	b->collected = false;
	b->continued = false;
	b->chunked = false;
	b->wanted = 0;
	b->sent = 0;
}

struct handoff
parked_handoff(const struct parked *b)
{
	static const enum handoff_kind kinds[PARKED_STATES] = {
	    [PARKED_IDLE] = HANDOFF_WAIT,
	    [PARKED_HEAD] = HANDOFF_WAIT,
	    [PARKED_COLLECT] = HANDOFF_COLLECT,
	    [PARKED_READY] = HANDOFF_SERVE,
	    [PARKED_SEND] = HANDOFF_SEND,
	    [PARKED_LINGER] = HANDOFF_LINGER,
	};

	enum handoff_kind kind = kinds[b->state];

	if (b->deferred != NULL)
		kind = HANDOFF_SEND;
	else if (b->request_timed_out)
		kind = HANDOFF_TIMED_OUT;
	return (struct handoff){
	    .kind = kind,
	    .head_start = kind == HANDOFF_SERVE ? (uint32_t)b->scan.start : 0,
	    .head_end = kind == HANDOFF_SERVE ? (uint32_t)b->scan.end : 0,
	    .close_after = b->close_after,
	    .collected = b->collected,
	    .continued = b->continued,
	    .chunked = b->chunked,
	    .recalled = b->recalled,
	    .requests = b->requests,
	    .wanted = b->wanted,
	    .since = b->since,
	    .gap = b->gap,
	    .stall = b->stall,
	    .peer = b->peer,
	};
}

void
parked_give_away(struct parked_all *all, struct parked *b)
{
	b->recalled = false;
	parked_release(all, b);
}

/*
 * The descriptor may also be open in a worker, or in a message to one, so closing
 * it here would not remove it from the epoll.
 */
void
parked_release(struct parked_all *all, struct parked *b)
{
	if (b->recalled)
		shutdown(b->fd, SHUT_RDWR);
	parked_all_unwatch(all, b->fd);
	close(b->fd);
	parked_drop_deferred(all, b);
	all->count--;
	all->descriptors--;
	all->memory -= sizeof(*b) + all->beside + b->len;
	take_out(all, b);
	b->state = PARKED_DEAD;
	insert(all, b);
}

void
parked_all_free_closed(struct parked_all *all)
{
	struct parked *b = TAILQ_FIRST(&all->queues[PARKED_DEAD]);

	while (b != NULL) {
		struct parked *next = TAILQ_NEXT(b, entry);

		free(b->bytes);
		free(b);
		b = next;
	}
	TAILQ_INIT(&all->queues[PARKED_DEAD]);
	all->counts[PARKED_DEAD] = 0;
}

struct parked *
parked_all_first(const struct parked_all *all, enum parked_state state)
{
	return TAILQ_FIRST(&all->queues[state]);
}

static int64_t
deadline_of(const struct parked_all *all, enum parked_state state)
{
	const struct parked *b = TAILQ_FIRST(&all->queues[state]);

	if (b == NULL || all->limits[state] == CLOCK_NEVER)
		return CLOCK_NEVER;
	return b->since + all->limits[state];
}

struct parked *
parked_all_timed_out(const struct parked_all *all, int64_t now)
{
	for (int state = 0; state < PARKED_STATES; state++)
		if (deadline_of(all, state) <= now)
			return TAILQ_FIRST(&all->queues[state]);
	return NULL;
}

int64_t
parked_all_deadline(const struct parked_all *all)
{
	int64_t next = CLOCK_NEVER;

	for (int state = 0; state < PARKED_STATES; state++)
		if (deadline_of(all, state) < next)
			next = deadline_of(all, state);
	return next;
}
