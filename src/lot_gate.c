#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "lot_state.h"

/* What was handed over so long ago has been taken. */
#define LANE_TIME CLOCK_SECOND

/*
 * What workers park must find room among the descriptors on their way too, or
 * each would wait for the other.
 */
static bool
is_lane_at_its_bound(const struct lot *lot)
{
	return score_lot_on_the_way(lot->heritage->board) >=
	    (int64_t)lot->lane_max &&
	    handoff_is_waiting(&lot->heritage->ready);
}

/* One that cannot be handed over, ever, must not keep the others. */
static bool
lose(struct lot *lot, struct berth *b)
{
	if (errno == EAGAIN || handoff_is_choked(errno))
		return false;
	log_error("cannot hand the connection of %s to a worker: %s; it is "
		  "closed",
	    b->peer.name, strerror(errno));
	berth_release(&lot->berths, b);
	return true;
}

/*
 * True when it is gone to a worker, or for good; else errno is as of
 * handoff_send: the lane takes no more for now.
 */
static bool
hand_over(struct lot *lot, struct berth *b)
{
	const struct handoff h = berth_handoff(b);

	if (is_lane_at_its_bound(lot)) {
		errno = ETOOMANYREFS;
		return false;
	}
	if (handoff_send(&lot->heritage->ready, &h, b->fd, b->bytes, b->len,
		b->rest) == -1)
		return lose(lot, b);
	lot_share_handed(&lot->share, b->client);
	score_lot_handed(lot->heritage->board->lot);
	lot->handed = clock_now();
	berth_release(&lot->berths, b);
	return true;
}

/*
 * A worker that was killed just when it took something has not said so: what
 * cannot be on its way any more, after so long, is not counted.
 */
static void
settle_lane(struct lot *lot)
{
	struct scoreboard *board = lot->heritage->board;
	int64_t count = score_lot_on_the_way(board);

	if (count < 0 ||
	    (count > 0 && clock_now() - lot->handed > LANE_TIME &&
		!handoff_is_waiting(&lot->heritage->ready)))
		score_lot_settle(board);
}

int64_t
lot_settle_deadline(const struct lot *lot)
{
	if (!lot_share_is_wanted(&lot->share) ||
	    score_lot_on_the_way(lot->heritage->board) == 0)
		return CLOCK_NEVER;
	return clock_now() + LANE_TIME;
}

/* The first that the lane did not take, or NULL. */
static struct berth *
hand_over_all(struct lot *lot)
{
	struct berth *b, *next;
	bool waiting = false;

	settle_lane(lot);
	lot_share_begin(&lot->share);
	for (b = berths_first(&lot->berths, BERTH_READY); b != NULL; b = next) {
		next = TAILQ_NEXT(b, entry);
		if (!lot_share_allows(&lot->share, b->client))
			waiting = true;
		else if (!hand_over(lot, b))
			break;
	}
	lot_share_end(&lot->share, waiting);
	return b;
}

/* What cannot be taken in waits in the kernel, and must not wake us. */
static void
hold_off(struct lot *lot)
{
	const struct heritage *h = lot->heritage;

	for (size_t i = 0; i < h->listeners.count && !lot->held_off; i++)
		berths_unwatch(&lot->berths, h->listeners.at[i].fd);
	lot->held_off = true;
}

void
lot_wait_for_lane(struct lot *lot, const struct handoff_lane *lane, int error)
{
	bool full = error == EAGAIN;

	if (!full && lot->lane_is_full)
		berths_unwatch(&lot->berths, lane->to);
	else if (full && !lot->lane_is_full)
		full = berths_watch(&lot->berths, lane->to, EPOLLOUT,
			   &lot->lane_is_full) == 0;
	lot->lane_is_full = full;
	lot->lane_is_choked = error != 0 && !full;
}

/* While the lane is choked, workers alone accept: they need none. */
void
lot_hand_over_ready(struct lot *lot)
{
	const struct berth *b = hand_over_all(lot);

	lot_wait_for_lane(lot, &lot->heritage->ready, b != NULL ? errno : 0);
	if (lot->lane_is_choked && !lot->held_off)
		hold_off(lot);
}

static void
warn_full(struct lot *lot)
{
	if (!lot->told_full)
		log_warning("%zu connections are held, which is all that there "
			    "is room for: the oldest that can be are closed",
		    lot->berths.count);
	lot->told_full = true;
}

static bool
evict_first(struct lot *lot, enum berth_state state)
{
	struct berth *b = berths_first(&lot->berths, state);

	if (b == NULL)
		return false;
	warn_full(lot);
	berth_release(&lot->berths, b);
	score_lot_evicted(lot->heritage->board->lot);
	return true;
}

static bool
has_memory(const struct lot *lot)
{
	return lot->berths.memory <= lot->heritage->lot_memory;
}

/* Those that take the memory go first, so that one makes room for many. */
void
lot_make_memory(struct lot *lot)
{
	while (!has_memory(lot) &&
	    (evict_first(lot, BERTH_COLLECT) || evict_first(lot, BERTH_HEAD) ||
		evict_first(lot, BERTH_IDLE)))
		continue;
}

static bool
has_places(const struct lot *lot, size_t descriptors)
{
	return lot->berths.descriptors + descriptors <= lot->max;
}

/* For what workers park when nothing can be sent away. */
static bool
has_reserve(const struct lot *lot)
{
	return lot->berths.descriptors + HANDOFF_DESCRIPTORS_MAX <=
	    lot->max + LOT_RESERVE;
}

/*
 * True when there is room for so many descriptors.  An idle client may be sent
 * away at any time (RFC 9112, 9.5), one that waits for a worker or a response
 * may not.
 */
static bool
make_room(struct lot *lot, size_t descriptors)
{
	lot_make_memory(lot);
	while (!has_places(lot, descriptors))
		if (!evict_first(lot, BERTH_LINGER) &&
		    !evict_first(lot, BERTH_IDLE) &&
		    !evict_first(lot, BERTH_HEAD) &&
		    !evict_first(lot, BERTH_COLLECT))
			return false;
	return has_memory(lot);
}

static int
watch_once(struct lot *lot, int fd, void *what)
{
	if (fd == -1 || berths_watch(&lot->berths, fd, EPOLLIN, what) == 0 ||
	    errno == EEXIST)
		return 0;
	return -1;
}

int
lot_watch_sources(struct lot *lot)
{
	struct heritage *h = lot->heritage;

	if (h->share != NULL &&
	    berths_watch(&lot->berths, h->share->freed.from, EPOLLIN,
		&lot->share) == -1 &&
	    errno != EEXIST)
		return -1;
	if (watch_once(lot, h->parked.from, &h->parked) == -1 ||
	    watch_once(lot, h->predecessor.from, &h->predecessor) == -1)
		return -1;
	if (h->doors != -1)
		return watch_once(lot, h->doors, &h->doors);
	for (size_t i = 0;
	     i < h->listeners.count && !lot->stopping && !lot->moving; i++)
		if (berths_watch(&lot->berths, h->listeners.at[i].fd,
			EPOLLIN | EPOLLEXCLUSIVE, &h->listeners) == -1)
			return -1;
	return 0;
}

static void
be_full(struct lot *lot)
{
	hold_off(lot);
	atomic_store(&lot->heritage->board->lot->full, true);
}

/* Memory is no reason for workers to keep slow readers, who take none. */
static void
run_short(struct lot *lot)
{
	if (has_memory(lot))
		be_full(lot);
	else
		hold_off(lot);
}

/*
 * Workers are told first; the reserve is for what they had sent before they
 * knew, which is not to wait for others in the lane.
 */
static bool
has_room_for_parked(struct lot *lot)
{
	if (make_room(lot, HANDOFF_DESCRIPTORS_MAX))
		return true;
	run_short(lot);
	return has_reserve(lot);
}

static bool
is_famine(int error)
{
	return error == EMFILE || error == ENFILE || handoff_is_choked(error);
}

static void
starve(struct lot *lot, int source, int error)
{
	famine_begin(&lot->famine, source, error);
	lot->famine_until = clock_now() + FAMINE_PAUSE_MS * CLOCK_MILLISECOND;
	hold_off(lot);
}

void
lot_open_sources(struct lot *lot)
{
	int epoll = lot->berths.epoll;

	lot->held_off = false;
	if (lot_watch_sources(lot) == 0)
		famine_end(&lot->famine, epoll);
	else
		starve(lot, epoll, errno);
}

void
lot_go_on_if_possible(struct lot *lot)
{
	if (!lot->held_off || lot->drained || lot->lane_is_choked ||
	    !has_memory(lot) || !has_places(lot, HANDOFF_DESCRIPTORS_MAX) ||
	    clock_now() < lot->famine_until)
		return;
	atomic_store(&lot->heritage->board->lot->full, false);
	lot_open_sources(lot);
	if (lot->famine.is) /* nobody may come who would tell its end */
		lot_accept_all(lot);
}

/* From a predecessor whose heads could be longer: workers would cut it off. */
static bool
is_too_much(const struct lot *lot, const struct handoff *h, size_t len)
{
	if (len <= lot->room)
		return false;
	log_warning("%s has sent more than there is room for, and is let go",
	    h->peer.name);
	return true;
}

/* It is counted here from now on, or nowhere. */
static void
relieve_worker(const struct lot *lot, const struct handoff *h, uint64_t bytes)
{
	const struct heritage *heritage = lot->heritage;

	if (h->kind != HANDOFF_SEND || h->worker == 0)
		return;
	score_lot_deferred(heritage->board->lot, lot->berths.deferred);
	ration_return(heritage->ration, h->worker - 1, bytes);
}

/* What a worker knows of it. */
static void
note_handoff(const struct lot *lot, struct berth *b, const struct handoff *h)
{
	b->peer = h->peer;
	b->client = share_client(&h->peer);
	b->last = h->last;
	b->requests = h->requests;
	b->continued = h->continued;
	b->wanted = h->wanted;
	b->chunked = h->chunked;
	collect_start(&b->collect, h->chunked, h->wanted,
	    lot->heritage->config.body_buffer);
}

/* From a worker, with what it knows and has read.  False, with errno: lost. */
static bool
take_in(struct lot *lot, const struct handoff *h, int fd, size_t len,
    struct rest *rest)
{
	static const enum berth_state states[] = {
	    [HANDOFF_WAIT] = BERTH_IDLE,
	    [HANDOFF_COLLECT] = BERTH_COLLECT,
	    [HANDOFF_SEND] = BERTH_SEND,
	    [HANDOFF_LINGER] = BERTH_LINGER,
	    /* What no worker has taken of its own, when it moves. */
	    [HANDOFF_SERVE] = BERTH_IDLE,
	    [HANDOFF_LATE] = BERTH_IDLE,
	};
	bool too_much = is_too_much(lot, h, len);
	struct berth *b = NULL;
	int error;

	if (too_much)
		close(fd);
	else
		b = berth_new(&lot->berths, fd, states[h->kind]);
	error = errno;
	if (b == NULL) {
		if (h->kind == HANDOFF_SEND)
			rest_release(rest);
		errno = error;
		return too_much;
	}
	note_handoff(lot, b, h);
	berth_add_bytes(&lot->berths, b, lot->scratch, len);
	if (h->kind == HANDOFF_SEND)
		berth_set_rest(&lot->berths, b, rest);
	else if (h->kind != HANDOFF_LINGER)
		lot_look_at_bytes(lot, b);
	return true;
}

/* It is done with: true, as of take_in. */
static bool
refuse(const struct handoff *h, int fd, struct rest *rest)
{
	close(fd);
	if (h->kind == HANDOFF_SEND)
		rest_release(rest);
	return true;
}

/* Nobody is at its other end any more. */
static void
end_lane(struct lot *lot, const struct handoff_lane *lane)
{
	struct handoff_lane *predecessor = &lot->heritage->predecessor;

	berths_unwatch(&lot->berths, lane->from);
	if (lane != predecessor)
		return;
	close(predecessor->from);
	predecessor->from = -1;
}

/* Until the famine is over, workers keep what they can. */
static void
starve_at_lane(struct lot *lot, const struct handoff_lane *lane, int source)
{
	starve(lot, source, errno);
	berths_unwatch(&lot->berths, lane->from);
	be_full(lot);
}

/* Nothing could be received, or what came could not be kept: EMFILE. */
static void
act_on_failure(struct lot *lot, const struct handoff_lane *lane,
    const struct handoff *h, uint64_t spilled)
{
	int error = errno;

	if (error == EMFILE)
		relieve_worker(lot, h, spilled);
	errno = error;
	if (error == EPIPE)
		end_lane(lot, lane);
	else if (is_famine(error))
		starve_at_lane(lot, lane, lane->from);
}

/*
 * A worker may have been taken over: what it says of the client is asked of the
 * kernel, so that --allow, logs and shares go by the truth.  A client that has
 * gone has no address any more, and is done with.
 */
static bool
is_client(const struct lot *lot, const struct handoff_lane *lane,
    struct handoff *h, int fd)
{
	return lane == &lot->heritage->predecessor ||
	    peer_look_up(&h->peer, fd) == 0;
}

/* False when there is none, or none can be taken in for now. */
static bool
take_one(struct lot *lot, const struct handoff_lane *lane)
{
	struct handoff h;
	struct rest rest;
	uint64_t spilled;
	size_t len;
	bool taken;
	int fd;

	rest_init(&rest);
	fd = handoff_receive(
	    lane, &h, lot->scratch, HANDOFF_BYTES_MAX, &len, &rest);
	spilled = rest.spilled; /* before it is the berth's */
	if (fd == -1) {
		act_on_failure(lot, lane, &h, spilled);
		return false;
	}
	famine_end(&lot->famine, lane->from);
	if (is_client(lot, lane, &h, fd))
		taken = take_in(lot, &h, fd, len, &rest);
	else
		taken = refuse(&h, fd, &rest);
	if (!taken)
		starve_at_lane(lot, lane, lot->berths.epoll);
	relieve_worker(lot, &h, spilled);
	return taken;
}

/*
 * A worker must not wait to be rid of a client: an idle one that is taken in
 * beyond what there is room for is the next to be closed.
 */
void
lot_take_from(struct lot *lot, const struct handoff_lane *lane)
{
	while (has_room_for_parked(lot))
		if (!take_one(lot, lane))
			return;
	be_full(lot);
	berths_unwatch(&lot->berths, lane->from);
}

/*
 * Whoever is woken first for a new connection is the first in the listener's
 * queue that waits: the lot goes to its end, to be woken only when no worker
 * is idle.
 */
static void
step_back(struct lot *lot, int listener)
{
	berths_unwatch(&lot->berths, listener);
	if (berths_watch(&lot->berths, listener, EPOLLIN | EPOLLEXCLUSIVE,
		&lot->heritage->listeners) == -1)
		starve(lot, lot->berths.epoll, errno);
}

/* Every worker is busy: what would wait for one in silence waits here. */
static void
accept_from(struct lot *lot, int listener)
{
	struct peer peer = {.length = sizeof(peer.address)};
	struct berth *b;
	int fd;

	if (!make_room(lot, 1)) {
		run_short(lot);
		return;
	}
	fd = accept4(listener, (struct sockaddr *)&peer.address, &peer.length,
	    SOCK_CLOEXEC);
	if (fd == -1 && is_famine(errno)) {
		starve(lot, listener, errno);
		return;
	}
	famine_end(&lot->famine, listener);
	if (scoreboard_has_idle(lot->heritage->board))
		step_back(lot, listener);
	if (fd == -1)
		return;
	score_lot_accepted(lot->heritage->board->lot);
	peer_set_name(&peer);
	if (peer.address.ss_family == AF_UNIX)
		listener_set_timeouts(&lot->heritage->listeners, fd);
	b = berth_new(&lot->berths, fd, BERTH_IDLE);
	if (b == NULL) {
		starve(lot, lot->berths.epoll, errno);
		return;
	}
	b->peer = peer;
	b->client = share_client(&peer);
	lot_act_on_berth(lot, b);
}

void
lot_accept_all(struct lot *lot)
{
	const struct listeners *l = &lot->heritage->listeners;

	for (size_t i = 0; i < l->count && !lot->stopping && !lot->held_off;
	     i++)
		accept_from(lot, l->at[i].fd);
}

void
lot_close_listeners(struct lot *lot)
{
	struct listeners *l = &lot->heritage->listeners;

	for (size_t i = 0; i < l->count; i++) {
		berths_unwatch(&lot->berths, l->at[i].fd);
		close(l->at[i].fd);
	}
	l->count = 0;
}
