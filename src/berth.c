#include <sys/epoll.h>
#include <sys/ioctl.h>

#include <linux/sockios.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "berth.h"
#include "clock.h"
#include "log.h"
#include "memory.h"

int
berths_init(struct berths *all)
{
	*all = (struct berths){.epoll = epoll_create1(EPOLL_CLOEXEC)};
	for (int state = 0; state < BERTH_STATES; state++) {
		TAILQ_INIT(&all->queues[state]);
		all->limits[state] = CLOCK_NEVER;
	}
	return all->epoll == -1 ? -1 : 0;
}

void
berths_free(struct berths *all)
{
	struct berth *b;

	for (int state = 0; state < BERTH_DEAD; state++)
		while ((b = TAILQ_FIRST(&all->queues[state])) != NULL)
			berth_release(all, b);
	berths_bury(all);
	close(all->epoll);
}

int
berths_watch(const struct berths *all, int fd, uint32_t events, void *what)
{
	struct epoll_event event = {.events = events, .data.ptr = what};

	return epoll_ctl(all->epoll, EPOLL_CTL_ADD, fd, &event);
}

void
berths_unwatch(const struct berths *all, int fd)
{
	(void)epoll_ctl(all->epoll, EPOLL_CTL_DEL, fd, NULL);
}

/* What a state looks at; one that waits for a worker looks at nothing. */
static uint32_t
events_of(enum berth_state state)
{
	switch (state) {
	case BERTH_IDLE:
	case BERTH_HEAD:
	case BERTH_COLLECT:
	case BERTH_LINGER:
		return EPOLLIN;
	case BERTH_SEND:
		return EPOLLOUT;
	case BERTH_READY:
	case BERTH_DEAD:
	case BERTH_STATES:
		break;
	}
	return 0;
}

static void
watch_for(const struct berths *all, struct berth *b, uint32_t before)
{
	uint32_t now = events_of(b->state);
	struct epoll_event event = {.events = now, .data.ptr = b};

	if (now == before)
		return;
	if (now == 0)
		berths_unwatch(all, b->fd);
	else
		(void)epoll_ctl(all->epoll,
		    before == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, b->fd, &event);
}

static void
insert(struct berths *all, struct berth *b)
{
	TAILQ_INSERT_TAIL(&all->queues[b->state], b, entry);
	all->counts[b->state]++;
}

static void
take_out(struct berths *all, struct berth *b)
{
	TAILQ_REMOVE(&all->queues[b->state], b, entry);
	all->counts[b->state]--;
}

/* Sending must not block here; workers, who have the socket next, may. */
static void
set_blocking(const struct berth *b, bool blocking)
{
	int on = !blocking;

	(void)ioctl(b->fd, FIONBIO, &on);
}

/* Sent, and not acknowledged (Unix: not read). */
static uint64_t
queued_bytes(const struct berth *b)
{
	int bytes = 0;

	return ioctl(b->fd, SIOCOUTQ, &bytes) == 0 ? (uint64_t)bytes : 0;
}

static void
drop_rest(struct berths *all, struct berth *b)
{
	if (b->rest == NULL)
		return;
	all->memory -= rest_size(b->rest);
	all->descriptors -= rest_descriptors(b->rest);
	all->deferred -= b->rest->spilled;
	rest_release(b->rest);
	free(b->rest);
	b->rest = NULL;
}

struct berth *
berth_new(struct berths *all, int fd, enum berth_state state)
{
	struct berth *b = memory_get_array(1, sizeof(*b));
	int error;

	b->fd = fd;
	b->since = b->parked = clock_now();
	b->state = state;
	insert(all, b);
	all->count++;
	all->descriptors++;
	all->memory += sizeof(*b) + all->beside;
	if (berths_watch(all, fd, events_of(state), b) == 0)
		return b;
	error = errno;
	log_error(
	    "cannot watch a connection: %s; it is closed", strerror(error));
	berth_release(all, b);
	errno = error;
	return NULL;
}

void
berth_enter(struct berths *all, struct berth *b, enum berth_state state)
{
	enum berth_state before = b->state;

	take_out(all, b);
	b->state = state;
	b->since = clock_now();
	b->moved = 0;
	if (state == BERTH_SEND)
		b->queued = queued_bytes(b);
	insert(all, b);
	watch_for(all, b, events_of(before));
	if ((before == BERTH_SEND) != (state == BERTH_SEND))
		set_blocking(b, state != BERTH_SEND);
	if (state != BERTH_SEND && state != BERTH_READY)
		drop_rest(all, b);
}

void
berth_set_rest(struct berths *all, struct berth *b, const struct rest *rest)
{
	size_t size = rest_size(rest);

	b->rest = memory_get(size);
	memcpy(b->rest, rest, size);
	all->memory += size;
	all->descriptors += rest_descriptors(b->rest);
	all->deferred += b->rest->spilled;
	b->queued = queued_bytes(b);
	set_blocking(b, false);
}

uint64_t
berth_taken(const struct berth *b)
{
	uint64_t sent = b->moved + b->queued;
	uint64_t queued = queued_bytes(b);

	return sent > queued ? sent - queued : 0;
}

/* Bytes a second, more or less. */
static double
speed_of(const struct berth *b, int64_t now)
{
	return (double)b->sent / (double)(now - b->parked + 1);
}

struct berth *
berths_slowest(const struct berths *all, int64_t before, bool with_copy)
{
	int64_t now = clock_now();
	struct berth *slowest = NULL;

	for (struct berth *b = TAILQ_FIRST(&all->queues[BERTH_SEND]); b != NULL;
	     b = TAILQ_NEXT(b, entry)) {
		if (b->parked >= before || (with_copy && b->rest->spill == -1))
			continue;
		if (slowest == NULL ||
		    speed_of(b, now) < speed_of(slowest, now))
			slowest = b;
	}
	return slowest;
}

void
berth_add_bytes(
    struct berths *all, struct berth *b, const char *bytes, size_t len)
{
	if (len == 0)
		return;
	b->bytes = memory_resize(b->bytes, b->len + len, 1);
	memcpy(b->bytes + b->len, bytes, len);
	b->len += len;
	all->memory += len;
}

struct handoff
berth_handoff(const struct berth *b)
{
	static const enum handoff_kind kinds[BERTH_STATES] = {
	    [BERTH_IDLE] = HANDOFF_WAIT,
	    [BERTH_HEAD] = HANDOFF_WAIT,
	    [BERTH_COLLECT] = HANDOFF_COLLECT,
	    [BERTH_READY] = HANDOFF_SERVE,
	    [BERTH_SEND] = HANDOFF_SEND,
	    [BERTH_LINGER] = HANDOFF_LINGER,
	};

	enum handoff_kind kind = kinds[b->state];

	if (b->rest != NULL)
		kind = HANDOFF_SEND;
	else if (b->late)
		kind = HANDOFF_LATE;
	return (struct handoff){
	    .kind = kind,
	    .last = b->last,
	    .collected = b->collected,
	    .continued = b->continued,
	    .chunked = b->chunked,
	    .requests = b->requests,
	    .wanted = b->wanted,
	    .since = b->since,
	    .gap = b->gap,
	    .peer = b->peer,
	};
}

/*
 * The descriptor may be open elsewhere too, on its way to a worker, so that
 * closing it here would not end the watch.
 */
void
berth_release(struct berths *all, struct berth *b)
{
	berths_unwatch(all, b->fd);
	close(b->fd);
	drop_rest(all, b);
	all->count--;
	all->descriptors--;
	all->memory -= sizeof(*b) + all->beside + b->len;
	take_out(all, b);
	b->state = BERTH_DEAD;
	insert(all, b);
}

void
berths_bury(struct berths *all)
{
	struct berth *b = TAILQ_FIRST(&all->queues[BERTH_DEAD]);

	while (b != NULL) {
		struct berth *next = TAILQ_NEXT(b, entry);

		free(b->bytes);
		free(b);
		b = next;
	}
	TAILQ_INIT(&all->queues[BERTH_DEAD]);
	all->counts[BERTH_DEAD] = 0;
}

struct berth *
berths_first(const struct berths *all, enum berth_state state)
{
	return TAILQ_FIRST(&all->queues[state]);
}

static int64_t
deadline_of(const struct berths *all, enum berth_state state)
{
	const struct berth *b = TAILQ_FIRST(&all->queues[state]);

	if (b == NULL || all->limits[state] == CLOCK_NEVER)
		return CLOCK_NEVER;
	return b->since + all->limits[state];
}

struct berth *
berths_overdue(const struct berths *all, int64_t now)
{
	for (int state = 0; state < BERTH_STATES; state++)
		if (deadline_of(all, state) <= now)
			return TAILQ_FIRST(&all->queues[state]);
	return NULL;
}

int64_t
berths_deadline(const struct berths *all)
{
	int64_t next = CLOCK_NEVER;

	for (int state = 0; state < BERTH_STATES; state++)
		if (deadline_of(all, state) < next)
			next = deadline_of(all, state);
	return next;
}
