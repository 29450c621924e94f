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

/* The most bytes that a client may still send after its response. */
#define LINGER_BYTES (256 << 10)

int
status_clients_init(struct status_clients *all, int listener, size_t max_head)
{
	struct epoll_event event = {.events = EPOLLIN};

	*all = (struct status_clients){
	    .epoll = epoll_create1(EPOLL_CLOEXEC),
	    .listener = listener,
	    .max_head = max_head,
	    .scratch = memory_get(max_head + 1),
	};
	TAILQ_INIT(&all->queue);
	return epoll_ctl(all->epoll, EPOLL_CTL_ADD, listener, &event);
}

void
status_clients_free(struct status_clients *all)
{
	struct status_client *next;

	for (struct status_client *c = TAILQ_FIRST(&all->queue); c != NULL;
	     c = next) {
		next = TAILQ_NEXT(c, entry);
		status_clients_release(all, c);
	}
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
	const struct status_client *c;

	TAILQ_FOREACH(c, &all->queue, entry)
		if (!c->answered)
			return true;
	return false;
}

static void
enter_queue(struct status_clients *all, struct status_client *c)
{
	c->deadline = clock_now() + STATUS_CLIENTS_TIME;
	TAILQ_INSERT_TAIL(&all->queue, c, entry);
}

void
status_clients_release(struct status_clients *all, struct status_client *c)
{
	TAILQ_REMOVE(&all->queue, c, entry);
	all->count--;
	close(c->fd);
	free(c);
}

/* Edge-triggered: bytes that stay in the socket are an event only once. */
static void
let_in(struct status_clients *all)
{
	int fd = accept4(all->listener, NULL, NULL, SOCK_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET};
	struct status_client *c;

	if (fd == -1) {
		if (errno != EAGAIN &&
		    errno !=
			EINTR) /* an unexpected error: without a pause the loop would spin */
			poll(NULL, 0, ACCEPT_BACKOFF_PAUSE_MS);
		return;
	}
	if (all->count == STATUS_CLIENTS_MAX)
		status_clients_release(all, TAILQ_FIRST(&all->queue));
	c = memory_get_array(1, sizeof(*c));
	c->fd = fd;
	enter_queue(all, c);
	all->count++;
	event.data.ptr = c;
	if (epoll_ctl(all->epoll, EPOLL_CTL_ADD, fd, &event) == -1)
		status_clients_release(all, c);
}

static ssize_t
peek(const struct status_clients *all, const struct status_client *c)
{
	return recv(
	    c->fd, all->scratch, all->max_head + 1, MSG_PEEK | MSG_DONTWAIT);
}

/* Input that can never become a request is served, too: with an error. */
static bool
has_asked(const struct status_clients *all, const struct status_client *c)
{
	struct request_head_scan scan = {0};
	ssize_t n = peek(all, c);

	if (n == -1)
		return errno != EAGAIN && errno != EINTR;
	return (size_t)n > all->max_head ||
	    request_head_find(&scan, all->scratch, (size_t)n, all->max_head) !=
	    REQUEST_HEAD_MORE;
}

static void
status_clients_drain(struct status_clients *all, struct status_client *c)
{
	ssize_t n;

	do {
		n = recv(c->fd, all->scratch, all->max_head, MSG_DONTWAIT);
		if (n > 0)
			c->drained += (size_t)n;
	} while (n > 0 && c->drained < LINGER_BYTES);
	if (n >= 0 || errno != EAGAIN)
		status_clients_release(all, c);
}

/* A Unix socket that is closed with bytes unread is reset, too. */
void
status_clients_linger(struct status_clients *all, struct status_client *c)
{
	shutdown(c->fd, SHUT_WR);
	c->answered = true;
	TAILQ_REMOVE(&all->queue, c, entry);
	enter_queue(all, c);
	status_clients_drain(all, c);
}

/* Closes a client that has sent nothing; responds to one that has. */
static struct status_client *
clients_expire(struct status_clients *all, struct status_client *c)
{
	c->request_timed_out = !c->answered && peek(all, c) > 0;
	if (c->request_timed_out)
		return c;
	status_clients_release(all, c);
	return NULL;
}

static struct status_client *
status_clients_act_on_event(
    struct status_clients *all, const struct epoll_event *event)
{
	struct status_client *c = event->data.ptr;

	if (c == NULL)
		let_in(all);
	else if (c->answered)
		status_clients_drain(all, c);
	else if ((event->events & ~(unsigned)EPOLLIN) != 0 || has_asked(all, c))
		return c;
	return NULL;
}

struct status_client *
status_clients_wait(
    struct status_clients *all, const sigset_t *mask, int64_t deadline)
{
	struct status_client *first = TAILQ_FIRST(&all->queue);
	struct epoll_event event;

	if (first != NULL && first->deadline <= clock_now())
		return clients_expire(all, first);
	if (first != NULL && first->deadline < deadline)
		deadline = first->deadline;
	if (epoll_pwait(all->epoll, &event, 1,
		clock_milliseconds_until(deadline), mask) <= 0)
		return NULL;
	return status_clients_act_on_event(all, &event);
}
