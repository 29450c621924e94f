#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "connection/accounting.h"
#include "connection/client.h"
#include "connection/stalls.h"
#include "process/worker/state.h"

/* How long to wait for a full, and for a choked, channel to the lot. */
#define PARK_PATIENCE (1000 * CLOCK_MILLISECOND)
#define PARK_CHOKED_MS 5
/* After this time a worker tries again to park a slow client. */
#define PARK_AGAIN_TIME (100 * CLOCK_MILLISECOND)
/*
 * A client that has waited for a worker as long as that may have gone: a look
 * costs little beside it.
 */
#define QUEUE_LOOK_AFTER (20 * CLOCK_MILLISECOND)

/* A connection that arrives without a free descriptor would be lost. */
static int
receive_from(struct worker *w, const struct channel *channel, struct handoff *h,
    size_t *len, struct deferred *deferred)
{
	struct connection *c = &w->client.connection;
	int fd;

	if (!fd_budget_has_one(&w->fd_budget)) {
		worker_starve(w, channel->from, EMFILE);
		return -1;
	}
	if (channel == &w->inherited->ready && w->inherited->loans != NULL)
		fd = worker_receive_loan(w, h, len, deferred);
	else
		fd = channel_receive(
		    channel, h, c->in.data, c->in.size, len, deferred);
	if (fd == -1 && channel_is_choked(errno))
		worker_starve(w, channel->from, errno);
	else
		accept_backoff_end(&w->backoff, channel->from);
	return fd;
}

/* One that keeps clients has to look after those as well. */
void
worker_become_free(struct worker *w)
{
	if (w->is_free || w->kept.count > 0)
		return;
	w->is_free = true;
	scoreboard_set_free(w->inherited->board, w->slot, true);
}

static void
end_freedom(struct worker *w)
{
	if (!w->is_free)
		return;
	w->is_free = false;
	scoreboard_set_free(w->inherited->board, w->slot, false);
}

void
worker_attach(struct worker *w, int fd, const struct peer *peer)
{
	const struct listeners *l = &w->inherited->listeners;

	w->recalled = false;
	end_freedom(w);
	others_begin(w->service.others, worker_keeps_others(w));
	client_attach(&w->client, fd, peer);
	input_limit_wait(&w->client.connection.in, l->options.receive_timeout);
}

static void
attach_handed(struct worker *w, int fd, const struct handoff *h, size_t len)
{
	int64_t limit = w->inherited->config.queue_timeout;
	struct connection *c = &w->client.connection;
	int64_t now = clock_now();
	/*
	 * A parked connection has waited for nobody.  A time that makes no
	 * sense counts as none.
	 */
	int64_t since = h->since > 0 && h->since < now ? h->since : now;

	worker_attach(w, fd, &h->peer);
	w->recalled = h->recalled;
	input_filled(&c->in, len);
	c->requests = h->requests;
	c->idle_time = h->requests > 0 && h->gap >= 0 ? h->gap : CLOCK_NEVER;
	w->client.exchange.arrival = (struct exchange_arrival){
	    .request_timed_out = h->kind == HANDOFF_TIMED_OUT,
	    .queue_timed_out = limit > 0 && now - since > limit,
	    .content_collected = h->collected,
	    .continue_sent = h->continued,
	    .head_start = h->head_start,
	    .head_end = h->head_end,
	    .ready_since = since,
	};
	c->stall = h->stall;
	if (h->continued) /* the lot has sent that since */
		stalls_begin(c);
	if (h->kind == HANDOFF_SERVE)
		stalls_at_request(&w->client.exchange, since);
	score_add(c->service->score, COUNT_HANDED, 1);
}

/*
 * Trusts the lot about the peer.  A message from a worker may be forged, so it
 * asks the kernel; a client that has left by then has no address any more.
 */
static bool
serve_is_client(const struct worker *w, const struct channel *channel,
    struct handoff *h, int fd)
{
	return channel == &w->inherited->ready ||
	    peer_look_up(&h->peer, fd) == 0;
}

/* Attaches the next client that is in the channel; false if there is none. */
static bool
serve_receive(
    struct worker *w, const struct channel *channel, struct handoff *h)
{
	struct deferred deferred;
	size_t len;
	int fd;

	while ((fd = receive_from(w, channel, h, &len, &deferred)) != -1) {
		if (serve_is_client(w, channel, h, fd))
			break;
		close(fd);
		if (h->kind == HANDOFF_SEND) {
			score_add(w->service.score, COUNT_ABORTED, 1);
			deferred_release(&deferred);
		}
	}
	if (fd == -1)
		return false;
	if (channel != &w->inherited->ready)
		h->head_end = 0; /* a worker is not believed */
	attach_handed(w, fd, h, len);
	if (h->kind == HANDOFF_SEND)
		output_take_deferred(&w->client.connection.out, &deferred);
	return true;
}

/* False on an error, with errno, or when the deadline passes. */
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
 * Hands the connection back to the lot.  False if there is no lot, which may be
 * there the next moment, or if the channel to it stays full: lot_refused tells.
 */
static bool
park_since(struct worker *w, enum handoff_kind kind, int64_t since)
{
	struct connection *c = &w->client.connection;
	const struct tined_exchange *x = &w->client.exchange;
	struct text unread = input_text(&c->in);
	/* A lot that stands still is waited for once, not for each client. */
	int64_t deadline = w->parks_in_vain ? 0 : clock_now() + PARK_PATIENCE;
	const struct handoff h = {
	    .kind = kind,
	    .close_after = c->close_after,
	    .worker = (uint32_t)w->slot + 1,
	    .requests = c->requests,
	    .wanted = (uint32_t)x->wanted_bytes,
	    .chunked = x->wanted_bytes > 0 && x->body.chunked,
	    .continued = x->arrival.continue_sent,
	    .recalled = w->recalled,
	    .loan = w->loan,
	    .stall = c->stall,
	    .peer = c->peer,
	};

	c->parking.lot_refused = false;
	if (!worker_may_park(w))
		return false;
	if (kind == HANDOFF_LINGER || h.close_after)
		unread.len = 0;
	if (unread.len == 0 && !h.continued &&
	    ((kind == HANDOFF_WAIT && worker_give_back(w, LOAN_WAITS, since)) ||
		(kind == HANDOFF_LINGER &&
		    worker_give_back(w, LOAN_LINGERS, 0)))) {
		w->recalled = false;
		return true;
	}
	w->parks_in_vain = false;
	while (channel_send(&w->inherited->parked, &h, c->fd, unread.at,
		   unread.len, c->out.deferred) == -1)
		if (!wait_for_channel(w, deadline)) {
			w->parks_in_vain = true;
			c->parking.lot_refused = true;
			return false;
		}
	w->has_moved = true;
	w->recalled = false;
	return true;
}

static bool
park(struct worker *w, enum handoff_kind kind)
{
	return park_since(w, kind, 0);
}

/*
 * If the connection ends here, the lot ends it for all that have a copy: it has its
 * own descriptor, or gets one.
 */
static void
end_of_recalled(struct worker *w)
{
	if (w->recalled && !worker_has_loan(w))
		(void)park(w, HANDOFF_LINGER);
}

static void
let_go_of_client(struct worker *w)
{
	end_of_recalled(w);
	worker_unkeep(w);
	worker_become_free(w);
	close(w->client.connection.fd);
	worker_end_loan(w);
	connection_detach(&w->client.connection);
	if (w->inherited->client_limit != NULL)
		client_limit_leave(w->inherited->client_limit, w->slot);
}

bool
worker_park_idle(struct worker *w, int64_t since)
{
	if (!park_since(w, HANDOFF_WAIT, since))
		return false;
	let_go_of_client(w);
	return true;
}

static void
linger(struct worker *w)
{
	if (!atomic_load(&w->inherited->board->server->stopping) &&
	    park(w, HANDOFF_LINGER))
		return;
	connection_linger(&w->client.connection);
	stalls_at_request(&w->client.exchange, clock_now());
}

/*
 * A slow client must not keep the worker for longer than the lot does not take
 * it: the lot is asked again and again.
 */
static void
pass_or_send(struct worker *w)
{
	struct connection *c = &w->client.connection;
	int left = 1;

	while (left == 1 && !park(w, HANDOFF_SEND))
		left =
		    accounting_send_deferred(c, clock_now() + PARK_AGAIN_TIME);
	if (left == 1)
		output_pass_deferred(&c->out);
	else if (left == 0)
		linger(w);
}

/*
 * Looks once more, because the client may have begun a request while the worker
 * waited for the lot, or before: some waits for a request do not look for it.
 */
static bool
has_begun_request(struct worker *w)
{
	struct input *in = &w->client.connection.in;

	return input_text(in).len > 0 || input_wait(in, false) == INPUT_BYTES;
}

/*
 * False if this worker must go on with the client, because the lot has ended or
 * accepts nothing, and the client has begun a request.  A connection without a
 * request is closed in that case, as RFC 9112, 9.5 allows.
 */
static bool
part(struct worker *w, enum client_end end)
{
	switch (end) {
	case CLIENT_WAITS:
		return park(w, HANDOFF_WAIT) ||
		    (w->client.connection.parking.lot_refused &&
			!has_begun_request(w));
	case CLIENT_COLLECTS:
		return park(w, HANDOFF_COLLECT);
	case CLIENT_SENDS:
		pass_or_send(w);
		break;
	case CLIENT_LINGERS:
		linger(w);
		break;
	case CLIENT_CLOSES:
		break;
	}
	return true;
}

static void
serve_show_client(struct worker *w)
{
	title_set(&w->title, w->client.connection.peer.name);
}

static void
enter_share(struct worker *w)
{
	struct client_limit *limit = w->inherited->client_limit;

	if (limit != NULL)
		client_limit_enter(limit, w->slot,
		    client_limit_client(&w->client.connection.peer));
}

/*
 * The lot and workers that accept clients count the workers of a client at the
 * same time: a process that finds too many gives the client back.
 */
static bool
has_share(const struct worker *w)
{
	const struct client_limit *limit = w->inherited->client_limit;
	uint64_t client = client_limit_client(&w->client.connection.peer);

	return limit == NULL || client == CLIENT_LIMIT_NOBODY ||
	    client_limit_count(limit, client) <= limit->max;
}

/*
 * True if this client has too many workers, so that it must wait in the lot.
 * The lot has waited for some requests already: the worker must not wait again.
 */
static bool
must_wait_for_share(const struct worker *w)
{
	const struct exchange_arrival *arrival = &w->client.exchange.arrival;

	return !has_share(w) && !arrival->request_timed_out &&
	    !arrival->content_collected;
}

static enum worker_taken
take_in_share(struct worker *w)
{
	if (!must_wait_for_share(w) || !park(w, HANDOFF_WAIT))
		return TAKEN_REQUEST;
	let_go_of_client(w);
	return TAKEN_DONE;
}

enum worker_taken
worker_take_new(struct worker *w)
{
	struct peer peer;
	int fd = worker_accept(w, &peer);

	if (fd == -1)
		return TAKEN_NOTHING;
	/*
	 * A client that takes this worker over could spoil the records of those
	 * before it.  For clients from the lot that wait would be too dear.
	 */
	worker_settle_mailbox(w);
	peer_set_name(&peer);
	worker_attach(w, fd, &peer);
	score_add(w->service.score, COUNT_CONNECTIONS, 1);
	enter_share(w);
	return take_in_share(w);
}

/*
 * The connection has arrived, and does not count as on its way any more.  The lot
 * may wait for that.
 */
static void
note_taken(struct worker *w)
{
	struct inherited *h = w->inherited;

	enter_share(w);
	if (score_lot_taken(h->board))
		wakeup_send(&h->loans->returned);
	if (h->client_limit != NULL) /* it was counted twice until now */
		client_limit_recount(h->client_limit);
}

/*
 * True if the client has reset its connection, or closed one of a Unix socket,
 * while its request waited.  After an end of its sending alone, it may still
 * read.
 */
static bool
serve_has_gone(const struct worker *w)
{
	const struct tined_exchange *x = &w->client.exchange;
	struct pollfd client = {.fd = w->client.connection.fd};

	return clock_now() - x->arrival.ready_since >= QUEUE_LOOK_AFTER &&
	    poll(&client, 1, 0) == 1 && (client.revents & POLLHUP) != 0;
}

/*
 * Nobody waits for the response, so the request is not run.  If its head had no
 * end, there was none.
 */
static enum worker_taken
drop_gone(struct worker *w)
{
	const struct exchange_arrival *arrival = &w->client.exchange.arrival;

	if (arrival->head_end > 0 || arrival->content_collected) {
		log_info("%s went before a worker ran its request",
		    w->client.connection.peer.name);
		score_add(w->service.score, COUNT_ABORTED, 1);
	}
	let_go_of_client(w);
	return TAKEN_DONE;
}

enum worker_taken
worker_take_handed(struct worker *w)
{
	struct handoff h;

	if (!worker_takes_handed(w) ||
	    !serve_receive(w, &w->inherited->ready, &h))
		return TAKEN_NOTHING;
	note_taken(w);
	if (h.kind == HANDOFF_SERVE && serve_has_gone(w))
		return drop_gone(w);
	if (h.kind != HANDOFF_SEND)
		return take_in_share(w);
	w->client.connection.close_after = h.close_after;
	/*
	 * The request has been answered.  Keeps only what the next request may
	 * need.
	 */
	exchange_reset(&w->client.exchange);
	w->client.exchange.arrival.continue_sent = h.continued;
	return TAKEN_RESPONSE;
}

/*
 * The bytes may count for another worker, whose sum this one cannot write
 * (scoreboard_use): that worker removes it when it is idle next.
 */
static void
send_parked(struct worker *w, const struct handoff *h)
{
	uint64_t spilled = w->client.connection.out.deferred->spilled;

	(void)accounting_send_deferred(&w->client.connection, CLOCK_NEVER);
	if (h->worker == w->slot + 1)
		deferred_budget_return(
		    w->inherited->deferred_budget, w->slot, spilled);
}

enum worker_taken
worker_take_parked(struct worker *w)
{
	struct handoff h;

	if (!worker_has_lot(w) || !serve_receive(w, &w->inherited->parked, &h))
		return TAKEN_NOTHING;
	enter_share(w);
	serve_show_client(w);
	if (h.kind == HANDOFF_SEND)
		send_parked(w, &h);
	if (h.kind != HANDOFF_LINGER &&
	    (h.kind != HANDOFF_SEND || !h.close_after))
		return TAKEN_REQUEST;
	connection_linger(&w->client.connection);
	let_go_of_client(w);
	return TAKEN_DONE;
}

/* What the client has sent already is no event that ends a wait. */
static bool
serve_may_keep(const struct worker *w)
{
	return input_text(&w->client.connection.in).len == 0 &&
	    !w->client.exchange.arrival.continue_sent;
}

/* Goes on with a connection that cannot be handed over. */
bool
worker_serve(struct worker *w, enum worker_taken taken)
{
	struct client *client = &w->client;
	enum client_end end;

	if (taken == TAKEN_NOTHING || taken == TAKEN_DONE)
		return taken == TAKEN_DONE;
	serve_show_client(w);
	end = taken == TAKEN_RESPONSE ? client_resume(client)
				      : client_serve(client);
	if (end == CLIENT_WAITS && serve_may_keep(w) && worker_keep(w))
		return true;
	while (!part(w, end))
		end = client_serve(client);
	let_go_of_client(w);
	if (w->recycle.due)
		w->want_stop = 1;
	return true;
}
