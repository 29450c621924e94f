#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "connection/connection.h"
#include "process/worker/state.h"

/* How long a full channel to the lot is waited for, and one that is choked. */
#define PARK_PATIENCE (1000 * CLOCK_MILLISECOND)
#define PARK_CHOKED_MS 5

/* What concerns one connection, or nobody: accept(2). */
static bool
is_passing(int error)
{
	switch (error) {
	case EAGAIN:
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case EPERM: /* a firewall's word */
		return true;
	default:
		return false;
	}
}

/* The listener stays ready, so that epoll alone would make us spin. */
static void
starve(struct worker *w, int source, int error)
{
	struct pollfd wake = {.fd = w->wake, .events = POLLIN};

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
		starve(w, listener, errno);
	return fd;
}

/* Each listener in its turn, so that a busy one does not starve another. */
static int
accept_any(struct worker *w, struct peer *peer)
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

/* What came while there is no room for its descriptor would be lost. */
static int
receive(struct worker *w, const struct channel *channel, struct handoff *h,
    size_t *len, struct deferred *deferred)
{
	struct client *c = &w->client;
	int fd;

	if (!fd_budget_has_one(&w->fd_budget)) {
		starve(w, channel->from, EMFILE);
		return -1;
	}
	fd = channel_receive(channel, h, c->in.data, c->in.size, len, deferred);
	if (fd == -1 && channel_is_choked(errno))
		starve(w, channel->from, errno);
	else
		accept_backoff_end(&w->backoff, channel->from);
	return fd;
}

/* False when it was in vain: by errno, or by the time. */
static bool
wait_for_channel(const struct worker *w, int64_t deadline)
{
	struct pollfd channel = {
	    .fd = w->inherited->parked.to, .events = POLLOUT};

	if (clock_now() >= deadline)
		return false;
	if (channel_is_choked(errno))
		poll(NULL, 0, PARK_CHOKED_MS);
	else if (errno == EAGAIN)
		poll(&channel, 1, clock_milliseconds_until(deadline));
	else
		return false;
	return true;
}

/*
 * Whether what is parked goes on elsewhere: in the lot or, if it comes from a
 * worker that is to end, with whoever takes it from the channel.
 */
static bool
may_park(const struct worker *w)
{
	return worker_is_lot_there(w) ||
	    (worker_has_lot(w) && w->client.in.yield);
}

/*
 * Back to the lot, unless there is none, or the channel to it stays full:
 * false.
 */
static bool
park(struct worker *w, enum handoff_kind kind)
{
	struct client *c = &w->client;
	struct text unread = input_text(&c->in);
	/* A lot that stands still is waited for once, not for each client. */
	int64_t deadline = w->parks_in_vain ? 0 : clock_now() + PARK_PATIENCE;
	const struct handoff h = {
	    .kind = kind,
	    .last = c->close,
	    .worker = (uint32_t)w->slot + 1,
	    .requests = c->requests,
	    .wanted = (uint32_t)c->wanted,
	    .chunked = c->wanted > 0 && c->body.chunked,
	    .continued = c->continued,
	    .peer = c->peer,
	};

	if (!may_park(w))
		return false;
	if (kind == HANDOFF_LINGER || h.last)
		unread.len = 0;
	w->parks_in_vain = false;
	while (channel_send(&w->inherited->parked, &h, c->fd, unread.at,
		   unread.len, &c->out.deferred) == -1)
		if (!wait_for_channel(w, deadline)) {
			w->parks_in_vain = true;
			return false;
		}
	return true;
}

static void
linger(struct worker *w)
{
	if (!atomic_load(&w->inherited->board->server->stopping)) {
		shutdown(w->client.fd, SHUT_WR);
		if (park(w, HANDOFF_LINGER))
			return;
	}
	connection_linger(&w->client);
}

/*
 * False if this worker must go on with the client: there is no lot any more, or
 * it takes none in, and the client has begun a request.  One that has not is
 * closed then, as RFC 9112, 9.5, allows.
 */
static bool
part(struct worker *w, enum connection_end end)
{
	switch (end) {
	case CONNECTION_WAITS:
		return park(w, HANDOFF_WAIT) ||
		    (may_park(w) && input_text(&w->client.in).len == 0);
	case CONNECTION_COLLECTS:
		return park(w, HANDOFF_COLLECT);
	case CONNECTION_SENDS:
		if (park(w, HANDOFF_SEND))
			output_pass_deferred(&w->client.out);
		else if (output_send_deferred(&w->client.out) == 0)
			linger(w);
		break;
	case CONNECTION_LINGERS:
		linger(w);
		break;
	case CONNECTION_CLOSES:
		break;
	}
	return true;
}

static void
let_go_of_client(struct worker *w)
{
	close(w->client.fd);
	client_detach(&w->client);
	if (w->inherited->client_limit != NULL)
		client_limit_leave(w->inherited->client_limit, w->slot);
}

static void
enter_share(struct worker *w)
{
	struct client_limit *limit = w->inherited->client_limit;

	if (limit != NULL)
		client_limit_enter(
		    limit, w->slot, client_limit_client(&w->client.peer));
}

/*
 * The lot and workers who accept give out shares at the same time: whoever
 * finds too many steps back.
 */
static bool
has_share(const struct worker *w)
{
	const struct client_limit *limit = w->inherited->client_limit;
	uint64_t client = client_limit_client(&w->client.peer);

	return limit == NULL || client == CLIENT_LIMIT_NOBODY ||
	    client_limit_count(limit, client) <= limit->max;
}

/* One that has not parted with the worker is served on. */
static void
finish(struct worker *w, bool parted)
{
	struct client *c = &w->client;

	while (!parted) {
		c->refused = may_park(w);
		parted = part(w, connection_serve(c));
	}
	let_go_of_client(w);
	if (w->recycle.due)
		w->want_stop = 1;
}

static void
serve(struct worker *w)
{
	struct client *c = &w->client;

	setproctitle("worker %zu (serving %s)", w->slot + 1, c->peer.name);
	finish(w, part(w, connection_serve(c)));
}

/* What the lot has waited for already is not to be waited for again. */
static void
serve_in_share(struct worker *w)
{
	const struct client *c = &w->client;

	if (has_share(w) || c->late || c->collected || !park(w, HANDOFF_WAIT))
		serve(w);
	else
		let_go_of_client(w);
}

bool
worker_serve_new(struct worker *w)
{
	struct peer peer;
	int fd = accept_any(w, &peer);

	if (fd == -1)
		return false;
	peer_set_name(&peer);
	if (peer.address.ss_family == AF_UNIX)
		listener_set_timeouts(&w->inherited->listeners, fd);
	client_attach(&w->client, fd, &peer);
	score_add(w->client.service.score, COUNT_CONNECTIONS, 1);
	enter_share(w);
	serve_in_share(w);
	return true;
}

static void
attach_handed(struct worker *w, int fd, const struct handoff *h, size_t len)
{
	int64_t limit = w->inherited->config.queue_timeout;
	struct client *c = &w->client;
	int64_t now = clock_now();
	/* What was parked has waited for nobody; a false time is none. */
	int64_t since = h->since > 0 && h->since < now ? h->since : now;

	client_attach(c, fd, &h->peer);
	input_filled(&c->in, len);
	c->requests = h->requests;
	c->gap = h->requests > 0 && h->gap >= 0 ? h->gap : CLOCK_NEVER;
	c->late = h->kind == HANDOFF_TIMED_OUT;
	c->collected = h->collected;
	c->continued = h->continued;
	c->queue_timed_out = limit > 0 && now - since > limit;
	c->ready = since;
	score_add(c->service.score, COUNT_HANDED, 1);
}

/* It is not on its way any more, but here. */
static void
note_taken(struct worker *w)
{
	struct inherited *h = w->inherited;

	enter_share(w);
	score_lot_taken(h->board);
	if (h->client_limit != NULL) /* it was counted twice until now */
		client_limit_recount(h->client_limit);
}

/* What the lot would have to wait for a disk for: it may be deferred again. */
static void
resume(
    struct worker *w, const struct handoff *h, const struct deferred *deferred)
{
	struct client *c = &w->client;

	c->close = h->last;
	c->queue_timed_out = false; /* its request was answered */
	c->ready = 0;
	setproctitle("worker %zu (serving %s)", w->slot + 1, c->peer.name);
	finish(w, part(w, connection_resume(c, deferred)));
}

bool
worker_serve_handed(struct worker *w)
{
	struct handoff h;
	struct deferred deferred;
	size_t len;
	int fd;

	if (!worker_takes_handed(w))
		return false;
	fd = receive(w, &w->inherited->ready, &h, &len, &deferred);
	if (fd == -1)
		return false;
	attach_handed(w, fd, &h, len);
	note_taken(w);
	if (h.kind == HANDOFF_SEND)
		resume(w, &h, &deferred);
	else
		serve_in_share(w);
	return true;
}

/* Another worker had it, perhaps, and answers for its bytes. */
static void
send_parked(
    struct worker *w, const struct handoff *h, const struct deferred *deferred)
{
	uint64_t spilled = deferred->spilled;

	memcpy(&w->client.out.deferred, deferred, deferred_size(deferred));
	output_send_deferred(&w->client.out);
	if (h->worker > 0)
		deferred_budget_return(
		    w->inherited->deferred_budget, h->worker - 1, spilled);
}

/* What was on its way to a lot that has ended. */
bool
worker_serve_parked(struct worker *w)
{
	struct client *c = &w->client;
	struct handoff h;
	struct deferred deferred;
	size_t len;
	int fd;

	if (!worker_has_lot(w))
		return false;
	fd = receive(w, &w->inherited->parked, &h, &len, &deferred);
	if (fd == -1)
		return false;
	if (peer_look_up(&h.peer, fd) == -1) { /* it has gone, or is none */
		close(fd);
		if (h.kind == HANDOFF_SEND)
			deferred_release(&deferred);
		return true;
	}
	attach_handed(w, fd, &h, len);
	enter_share(w);
	if (h.kind == HANDOFF_SEND)
		send_parked(w, &h, &deferred);
	if (h.kind == HANDOFF_LINGER || (h.kind == HANDOFF_SEND && h.last)) {
		connection_linger(c);
		let_go_of_client(w);
	} else {
		serve(w);
	}
	return true;
}
