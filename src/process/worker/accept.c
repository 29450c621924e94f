#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "process/worker/state.h"

/* True for errors that concern only one connection, or none: accept(2). */
static bool
is_passing(int error)
{
	switch (error) {
	case EAGAIN:
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case EPERM: /* a firewall has refused it */
		return true;
	default:
		return false;
	}
}

/* The listener stays ready, so without a pause the worker would spin. */
void
worker_starve(struct worker *w, int source, int error)
{
	struct pollfd wake = {.fd = w->wake, .events = POLLIN};

	response_cache_close_files(&w->inherited->site.cache);
	accept_backoff_begin(&w->backoff, source, error);
	poll(&wake, 1, ACCEPT_BACKOFF_PAUSE_MS);
}

static int
accept_from(struct worker *w, int listener, struct peer *peer)
{
	int fd;

	*peer = (struct peer){.length = sizeof(peer->address)};
	fd = accept4(listener, (struct sockaddr *)&peer->address, &peer->length,
	    SOCK_CLOEXEC);
	if (fd != -1 || is_passing(errno))
		accept_backoff_end(&w->backoff, listener);
	else if (!w->let_go)
		worker_starve(w, listener, errno);
	return fd;
}

/* Each listener in its turn, so that a busy one does not starve another. */
int
worker_accept(struct worker *w, struct peer *peer)
{
	const struct listeners *l = &w->inherited->listeners;
	size_t count = w->inherited->accept_gate == -1 ? l->count : 0;

	for (size_t i = 0; i < count; i++) {
		size_t k = (w->next + i) % l->count;
		int fd = accept_from(w, l->at[k].fd, peer);

		if (fd != -1) {
			w->next = (k + 1) % l->count;
			return fd;
		}
	}
	return -1;
}

/* Closes them only once: later their numbers may be other descriptors'. */
void
worker_close_listeners(struct worker *w)
{
	const struct listeners *l = &w->inherited->listeners;

	if (w->listeners_closed)
		return;
	w->listeners_closed = true;
	for (size_t i = 0; i < l->count; i++)
		close(l->at[i].fd);
}
