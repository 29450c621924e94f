#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "http/request_head.h"
#include "process/status_server/clients.h"
#include "shared/accept_backoff.h"

/* After the answer: how long, and how much a client may still send. */
#define LINGER_TIME (2 * CLOCK_SECOND)
#define LINGER_BYTES (256 << 10)

int
status_clients_init(
    struct status_clients *all, int listener, size_t max_head, int64_t patience)
{
	struct epoll_event event = {.events = EPOLLIN};

	*all = (struct status_clients){
	    .epoll = epoll_create1(EPOLL_CLOEXEC),
	    .listener = listener,
	    .max_head = max_head,
	    .patience = patience,
	};
	for (size_t i = 0; i < STATUS_CLIENTS_MAX; i++)
		all->at[i].fd = -1;
	if (all->epoll == -1)
		return -1;
	all->scratch = memory_get(max_head + 1);
	return epoll_ctl(all->epoll, EPOLL_CTL_ADD, listener, &event);
}

void
status_clients_free(struct status_clients *all)
{
	for (size_t i = 0; i < STATUS_CLIENTS_MAX; i++)
		status_clients_release(&all->at[i]);
	close(all->epoll);
	free(all->scratch);
}

void
status_clients_stop_accepting(struct status_clients *all)
{
	(void)epoll_ctl(all->epoll, EPOLL_CTL_DEL, all->listener, NULL);
}

bool
status_clients_is_any(const struct status_clients *all)
{
	for (size_t i = 0; i < STATUS_CLIENTS_MAX; i++)
		if (all->at[i].fd != -1 && !all->at[i].answered)
			return true;
	return false;
}

void
status_clients_release(struct status_client *g)
{
	if (g->fd != -1)
		close(g->fd);
	g->fd = -1;
}

static int64_t
deadline_of(const struct status_clients *all, const struct status_client *g)
{
	if (g->fd == -1)
		return CLOCK_NEVER;
	return g->since + (g->answered ? LINGER_TIME : all->patience);
}

/* Whose deadline is the next; its place may be empty. */
static struct status_client *
find_next(struct status_clients *all)
{
	struct status_client *next = &all->at[0];

	for (size_t i = 1; i < STATUS_CLIENTS_MAX; i++)
		if (deadline_of(all, &all->at[i]) < deadline_of(all, next))
			next = &all->at[i];
	return next;
}

/* Or that of who has been here for the longest. */
static struct status_client *
find_place(struct status_clients *all)
{
	struct status_client *place = &all->at[0];

	for (size_t i = 0; i < STATUS_CLIENTS_MAX; i++) {
		if (all->at[i].fd == -1)
			return &all->at[i];
		if (all->at[i].since < place->since)
			place = &all->at[i];
	}
	status_clients_release(place);
	return place;
}

/* With each piece that comes it is looked at again. */
static void
let_in(struct status_clients *all)
{
	int fd = accept4(all->listener, NULL, NULL, SOCK_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET};
	struct status_client *g;

	if (fd == -1) {
		if (errno != EAGAIN && errno != EINTR) /* or it would spin */
			poll(NULL, 0, ACCEPT_BACKOFF_PAUSE_MS);
		return;
	}
	g = find_place(all);
	*g = (struct status_client){.fd = fd, .since = clock_now()};
	event.data.ptr = g;
	if (epoll_ctl(all->epoll, EPOLL_CTL_ADD, fd, &event) == -1)
		status_clients_release(g);
}

static ssize_t
peek(const struct status_clients *all, const struct status_client *g)
{
	return recv(
	    g->fd, all->scratch, all->max_head + 1, MSG_PEEK | MSG_DONTWAIT);
}

/* What cannot become a request any more is one, too. */
static bool
has_asked(const struct status_clients *all, const struct status_client *g)
{
	struct request_head_scan scan = {0};
	ssize_t n = peek(all, g);

	if (n == -1)
		return errno != EAGAIN && errno != EINTR;
	return (size_t)n > all->max_head ||
	    request_head_find(&scan, all->scratch, (size_t)n, all->max_head) !=
	    REQUEST_HEAD_MORE;
}

static void
drain(struct status_clients *all, struct status_client *g)
{
	ssize_t n;

	do {
		n = recv(g->fd, all->scratch, all->max_head, MSG_DONTWAIT);
		if (n > 0)
			g->drained += (size_t)n;
	} while (n > 0 && g->drained < LINGER_BYTES);
	if (n >= 0 || errno != EAGAIN)
		status_clients_release(g);
}

/* A Unix socket that is closed with bytes unread is reset, too. */
void
status_clients_see_off(struct status_clients *all, struct status_client *g)
{
	shutdown(g->fd, SHUT_WR);
	g->answered = true;
	g->since = clock_now();
	drain(all, g);
}

/* Silence is not answered. */
static struct status_client *
expire(struct status_clients *all, struct status_client *g)
{
	g->late = !g->answered && peek(all, g) > 0;
	if (g->late)
		return g;
	status_clients_release(g);
	return NULL;
}

static struct status_client *
act_on_event(struct status_clients *all, const struct epoll_event *event)
{
	struct status_client *g = event->data.ptr;

	if (g == NULL)
		let_in(all);
	else if (g->answered)
		drain(all, g);
	else if ((event->events & ~(unsigned)EPOLLIN) != 0 || has_asked(all, g))
		return g;
	return NULL;
}

struct status_client *
status_clients_wait(
    struct status_clients *all, const sigset_t *mask, int64_t deadline)
{
	struct status_client *next = find_next(all);
	struct epoll_event event;

	if (deadline_of(all, next) <= clock_now())
		return expire(all, next);
	if (deadline_of(all, next) < deadline)
		deadline = deadline_of(all, next);
	if (epoll_pwait(all->epoll, &event, 1,
		clock_milliseconds_until(deadline), mask) <= 0)
		return NULL;
	return act_on_event(all, &event);
}
