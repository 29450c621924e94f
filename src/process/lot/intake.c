#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "process/lot/state.h"
#include "shared/scoreboard_read.h"

static void
warn_full(struct lot *lot)
{
	if (!lot->told_full)
		log_warning("the lot is full with %zu connections: closing "
			    "those that have waited longest",
		    lot->parked.count);
	lot->told_full = true;
}

static bool
evict_first(struct lot *lot, enum parked_state state)
{
	struct parked *b = parked_all_first(&lot->parked, state);

	if (b == NULL)
		return false;
	warn_full(lot);
	parked_release(&lot->parked, b);
	score_lot_evicted(lot->inherited->board->lot);
	return true;
}

static bool
intake_has_memory(const struct lot *lot)
{
	return lot->parked.memory <= lot->inherited->lot_memory;
}

/* Clients that workers keep wait for nothing, either. */
static bool
recall_idle(struct lot *lot)
{
	if (lot->parked.counts[PARKED_KEPT] == 0)
		return false;
	lot_recall_all(lot);
	return lot->parked.counts[PARKED_IDLE] > 0;
}

/*
 * Closes the connections that use most memory, because one of them makes room
 * for many others.
 */
void
lot_make_memory(struct lot *lot)
{
	while (!intake_has_memory(lot) &&
	    (evict_first(lot, PARKED_COLLECT) ||
		evict_first(lot, PARKED_HEAD) ||
		evict_first(lot, PARKED_IDLE) || recall_idle(lot)))
		continue;
}

static bool
has_places(const struct lot *lot, size_t descriptors)
{
	return lot->parked.descriptors + descriptors <= lot->max;
}

/*
 * True if there is room for what workers park while the lot can send nothing to
 * them.
 */
static bool
has_reserve(const struct lot *lot)
{
	return lot->parked.descriptors + HANDOFF_DESCRIPTORS_MAX <=
	    lot->max + LOT_RESERVE;
}

/*
 * Makes room for that many descriptors; false if it cannot.  It may close an
 * idle connection at any time (RFC 9112, 9.5), but not one that waits for a
 * worker or a response.
 */
static bool
intake_make_room(struct lot *lot, size_t descriptors)
{
	lot_make_memory(lot);
	while (!has_places(lot, descriptors))
		if (!evict_first(lot, PARKED_LINGER) &&
		    !evict_first(lot, PARKED_IDLE) && !recall_idle(lot) &&
		    !evict_first(lot, PARKED_HEAD) &&
		    !evict_first(lot, PARKED_COLLECT))
			return false;
	return intake_has_memory(lot);
}

static int
watch_once(struct lot *lot, int fd, void *what)
{
	if (fd == -1 ||
	    parked_all_watch(&lot->parked, fd, EPOLLIN, what) == 0 ||
	    errno == EEXIST)
		return 0;
	return -1;
}

int
lot_watch_sources(struct lot *lot)
{
	struct inherited *h = lot->inherited;

	if (watch_once(lot, h->loans->returned.from, h->loans) == -1)
		return -1;
	if (h->client_limit != NULL &&
	    parked_all_watch(&lot->parked, h->client_limit->freed.from, EPOLLIN,
		&lot->client_share) == -1 &&
	    errno != EEXIST)
		return -1;
	if (watch_once(lot, h->parked.from, &h->parked) == -1 ||
	    watch_once(lot, h->predecessor.from, &h->predecessor) == -1)
		return -1;
	if (h->accept_gate != -1)
		return watch_once(lot, h->accept_gate, &h->accept_gate);
	for (size_t i = 0;
	     i < h->listeners.count && !lot->stopping && !lot->moving; i++)
		if (parked_all_watch(&lot->parked, h->listeners.at[i].fd,
			EPOLLIN | EPOLLEXCLUSIVE, &h->listeners) == -1)
			return -1;
	return 0;
}

void
lot_hold_off(struct lot *lot)
{
	const struct inherited *h = lot->inherited;

	for (size_t i = 0; i < h->listeners.count && !lot->held_off; i++)
		parked_all_unwatch(&lot->parked, h->listeners.at[i].fd);
	lot->held_off = true;
}

static void
be_full(struct lot *lot)
{
	lot_hold_off(lot);
	atomic_store(&lot->inherited->board->lot->full, true);
}

/*
 * If only memory is short, workers can still defer responses from files, which
 * need none.
 */
static void
run_short(struct lot *lot)
{
	if (intake_has_memory(lot))
		be_full(lot);
	else
		lot_hold_off(lot);
}

/*
 * Tells workers first that the lot is full.  The reserve is for connections
 * that they had sent before, which must not wait in the channel.
 */
static bool
has_room_for_parked(struct lot *lot)
{
	if (intake_make_room(lot, HANDOFF_DESCRIPTORS_MAX))
		return true;
	run_short(lot);
	return has_reserve(lot);
}

static bool
is_out_of_descriptors(int error)
{
	return error == EMFILE || error == ENFILE || channel_is_choked(error);
}

static void
intake_starve(struct lot *lot, int source, int error)
{
	accept_backoff_begin(&lot->backoff, source, error);
	lot->backoff_until =
	    clock_now() + ACCEPT_BACKOFF_PAUSE_MS * CLOCK_MILLISECOND;
	lot_hold_off(lot);
}

void
lot_open_sources(struct lot *lot)
{
	int epoll = lot->parked.epoll;

	lot->held_off = false;
	if (lot_watch_sources(lot) == 0)
		accept_backoff_end(&lot->backoff, epoll);
	else
		intake_starve(lot, epoll, errno);
}

/*
 * Otherwise the lot would close slow clients to make room that it already has,
 * for as long as the channel to workers accepts nothing.
 */
static void
stop_being_full(struct lot *lot)
{
	struct channel *parked = &lot->inherited->parked;

	if (atomic_load(&lot->inherited->board->lot->full) &&
	    watch_once(lot, parked->from, parked) == 0)
		atomic_store(&lot->inherited->board->lot->full, false);
}

void
lot_go_on_if_possible(struct lot *lot)
{
	if (!lot->held_off || lot->drained || !intake_has_memory(lot) ||
	    !has_places(lot, HANDOFF_DESCRIPTORS_MAX) ||
	    clock_now() < lot->backoff_until)
		return;
	/* There is room for what workers park, whatever they receive. */
	if (lot->channel_is_choked) {
		stop_being_full(lot);
		return;
	}
	atomic_store(&lot->inherited->board->lot->full, false);
	lot_open_sources(lot);
	if (lot->backoff.is) /* there may be no event that ends the back-off */
		lot_accept_all(lot);
}

/* A predecessor may have allowed longer heads, which workers would cut off. */
static bool
is_too_much(const struct lot *lot, const struct handoff *h, size_t len)
{
	if (len <= lot->room)
		return false;
	log_warning(
	    "closing the connection of %s: no room for what it has sent",
	    h->peer.name);
	return true;
}

/* From now on the connection counts as the lot's, or not at all. */
static void
relieve_worker(const struct lot *lot, const struct handoff *h, uint64_t bytes)
{
	const struct inherited *inherited = lot->inherited;

	if (h->kind != HANDOFF_SEND || h->worker == 0)
		return;
	score_lot_deferred(inherited->board->lot, lot->parked.deferred);
	deferred_budget_return(
	    inherited->deferred_budget, h->worker - 1, bytes);
}

/* Stores what the worker knows about the connection. */
static void
note_handoff(const struct lot *lot, struct parked *b, const struct handoff *h)
{
	b->peer = h->peer;
	b->client = client_limit_client(&h->peer);
	b->close_after = h->close_after;
	b->requests = h->requests;
	b->continued = h->continued;
	b->wanted = h->wanted;
	b->stall = h->stall;
	b->chunked = h->chunked;
	b->recalled = h->recalled;
	collect_start(&b->collect, h->chunked, h->wanted,
	    lot->inherited->config.body_buffer);
}

/* Ends it as well if a worker may have a copy: parked_release. */
static void
intake_close(const struct handoff *h, int fd)
{
	if (h->recalled)
		shutdown(fd, SHUT_RDWR);
	close(fd);
}

/*
 * Takes a connection from a worker, with its state and the bytes that the
 * worker has read.  False with errno if the connection is lost.
 */
static bool
take_in(struct lot *lot, const struct handoff *h, int fd, size_t len,
    struct deferred *deferred)
{
	static const enum parked_state states[] = {
	    [HANDOFF_WAIT] = PARKED_IDLE,
	    [HANDOFF_COLLECT] = PARKED_COLLECT,
	    [HANDOFF_SEND] = PARKED_SEND,
	    [HANDOFF_LINGER] = PARKED_LINGER,
	    /*
	     * No worker of the old server has received these before the move.
	     */
	    [HANDOFF_SERVE] = PARKED_IDLE,
	    [HANDOFF_TIMED_OUT] = PARKED_IDLE,
	};
	bool too_much = is_too_much(lot, h, len);
	struct parked *b = NULL;
	int error;

	if (!too_much)
		b = parked_new(&lot->parked, fd, states[h->kind]);
	error = errno;
	if (b == NULL) {
		intake_close(h, fd);
		if (h->kind == HANDOFF_SEND)
			deferred_release(deferred);
		errno = error;
		return too_much;
	}
	note_handoff(lot, b, h);
	parked_add_bytes(&lot->parked, b, lot->scratch, len);
	if (h->kind == HANDOFF_SEND)
		parked_set_deferred(&lot->parked, b, deferred);
	else if (h->kind == HANDOFF_LINGER)
		shutdown(
		    b->fd, SHUT_WR); /* workers may not shut down a socket */
	else
		lot_look_at_bytes(lot, b);
	return true;
}

/*
 * Refuses a connection.  Returns true, as take_in does: it needs no more work.
 */
static bool
intake_refuse(const struct lot *lot, const struct handoff *h, int fd,
    struct deferred *deferred)
{
	close(fd);
	if (h->kind == HANDOFF_SEND) {
		log_info("a client went before it took %llu bytes of a "
			 "response",
		    (unsigned long long)deferred_length(deferred));
		score_lot_aborted(lot->inherited->board->lot);
		deferred_release(deferred);
	}
	return true;
}

/* No process holds the other end of the channel any more. */
static void
end_channel(struct lot *lot, const struct channel *channel)
{
	struct channel *predecessor = &lot->inherited->predecessor;

	parked_all_unwatch(&lot->parked, channel->from);
	if (channel != predecessor)
		return;
	close(predecessor->from);
	predecessor->from = -1;
}

/* Until the back-off is over, workers keep connections if they can. */
static void
starve_at_channel(struct lot *lot, const struct channel *channel, int source)
{
	intake_starve(lot, source, errno);
	parked_all_unwatch(&lot->parked, channel->from);
	be_full(lot);
}

/*
 * Nothing could be received, or this process has no descriptor for it (EMFILE).
 */
static void
act_on_failure(struct lot *lot, const struct channel *channel,
    const struct handoff *h, uint64_t spilled)
{
	int error = errno;

	if (error == EMFILE)
		relieve_worker(lot, h, spilled);
	errno = error;
	if (error == EPIPE)
		end_channel(lot, channel);
	else if (is_out_of_descriptors(error))
		starve_at_channel(lot, channel, channel->from);
}

/*
 * A worker that was taken over could forge the client's address, so the lot
 * asks the kernel: --allow, logs and --per-client need the true one.  A client
 * that has left has no address any more, and its connection is closed.
 */
static bool
intake_is_client(const struct lot *lot, const struct channel *channel,
    struct handoff *h, int fd)
{
	return channel == &lot->inherited->predecessor ||
	    peer_look_up(&h->peer, fd) == 0;
}

/* False if the channel has no message, or if the lot cannot receive one now. */
static bool
intake_take_one(struct lot *lot, const struct channel *channel)
{
	struct handoff h;
	struct deferred deferred;
	uint64_t spilled;
	size_t len;
	bool taken;
	int fd;

	deferred_init(&deferred);
	fd = channel_receive(
	    channel, &h, lot->scratch, HANDOFF_BYTES_MAX, &len, &deferred);
	spilled = deferred.spilled; /* parked_set_deferred takes it over */
	if (fd == -1) {
		act_on_failure(lot, channel, &h, spilled);
		return false;
	}
	accept_backoff_end(&lot->backoff, channel->from);
	if (channel != &lot->inherited->predecessor)
		lot_drop_loan(lot, &h.loan); /* it has arrived with this */
	if (intake_is_client(lot, channel, &h, fd))
		taken = take_in(lot, &h, fd, len, &deferred);
	else
		taken = intake_refuse(lot, &h, fd, &deferred);
	if (!taken)
		starve_at_channel(lot, channel, lot->parked.epoll);
	relieve_worker(lot, &h, spilled);
	return taken;
}

/*
 * A worker must not wait until it can hand a connection over: an idle
 * connection is taken in even beyond the limit, and is then the next to be
 * closed.
 */
void
lot_take_from(struct lot *lot, const struct channel *channel)
{
	while (has_room_for_parked(lot))
		if (!intake_take_one(lot, channel))
			return;
	be_full(lot);
	parked_all_unwatch(&lot->parked, channel->from);
}

/*
 * The kernel wakes the first process in a listener's queue of waiters.  The lot
 * moves itself to the end, so that it is woken only when no worker is idle.
 */
static void
step_back(struct lot *lot, int listener)
{
	parked_all_unwatch(&lot->parked, listener);
	if (parked_all_watch(&lot->parked, listener, EPOLLIN | EPOLLEXCLUSIVE,
		&lot->inherited->listeners) == -1)
		intake_starve(lot, lot->parked.epoll, errno);
}

/*
 * Called when all workers are busy: accepts connections, which wait in the lot.
 */
static void
intake_accept_from(struct lot *lot, int listener)
{
	struct peer peer = {.length = sizeof(peer.address)};
	struct parked *b;
	int fd;

	if (!intake_make_room(lot, 1)) {
		run_short(lot);
		return;
	}
	fd = accept4(listener, (struct sockaddr *)&peer.address, &peer.length,
	    SOCK_CLOEXEC);
	if (fd == -1 && is_out_of_descriptors(errno)) {
		intake_starve(lot, listener, errno);
		return;
	}
	accept_backoff_end(&lot->backoff, listener);
	if (scoreboard_has_idle(lot->inherited->board))
		step_back(lot, listener);
	if (fd == -1)
		return;
	score_lot_accepted(lot->inherited->board->lot);
	peer_set_name(&peer);
	if (peer.address.ss_family == AF_UNIX)
		listener_set_timeouts(&lot->inherited->listeners, fd);
	b = parked_new(&lot->parked, fd, PARKED_IDLE);
	if (b == NULL) {
		intake_starve(lot, lot->parked.epoll, errno);
		close(fd);
		return;
	}
	b->peer = peer;
	b->client = client_limit_client(&peer);
	lot_act_on_parked(lot, b); /* before it could count as idle */
}

void
lot_accept_all(struct lot *lot)
{
	const struct listeners *l = &lot->inherited->listeners;

	for (size_t i = 0; i < l->count && !lot->stopping && !lot->held_off;
	     i++)
		intake_accept_from(lot, l->at[i].fd);
}

void
lot_close_listeners(struct lot *lot)
{
	struct listeners *l = &lot->inherited->listeners;

	for (size_t i = 0; i < l->count; i++) {
		parked_all_unwatch(&lot->parked, l->at[i].fd);
		close(l->at[i].fd);
	}
	l->count = 0;
}
