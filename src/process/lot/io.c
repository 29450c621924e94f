#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/min_rate.h"
#include "connection/connection.h"
#include "connection/stalls.h"
#include "process/lot/state.h"

/* The most bytes of a response that are sent before the next client's turn. */
#define SEND_STEP (256 << 10)

/* What the client sends from now on is left unread: parked_note_unread. */
static void
make_ready(struct lot *lot, struct parked *b)
{
	b->gap = clock_now() - b->parked;
	b->collected = b->state == PARKED_COLLECT;
	parked_enter(&lot->parked, b, PARKED_READY);
}

/* Bytes that cannot become a head are ready, too: a worker refuses them. */
static void
look_for_head(struct lot *lot, struct parked *b)
{
	uint64_t max = lot->inherited->config.max_head;

	if (b->len == 0)
		return;
	if (request_head_find(&b->scan, b->bytes, b->len, max) !=
	    REQUEST_HEAD_MORE)
		make_ready(lot, b);
	else if (b->state == PARKED_IDLE &&
	    request_head_has_begun(&b->scan, b->len))
		parked_enter(&lot->parked, b, PARKED_HEAD);
}

void
lot_look_at_bytes(struct lot *lot, struct parked *b)
{
	if (b->state != PARKED_COLLECT)
		look_for_head(lot, b);
	else if (b->len >= lot->room ||
	    collect_is_done(&b->collect, b->bytes, b->len))
		make_ready(lot, b);
}

/* True if a client that is not too slow may have more time in this state. */
static bool
io_may_go_on(const struct lot *lot, const struct parked *b)
{
	if (b->state == PARKED_LINGER)
		return !lot->stopping &&
		    clock_now() - b->parked < CONNECTION_LINGER_TIME;
	return b->state == PARKED_COLLECT || b->state == PARKED_SEND;
}

/*
 * A client that moves a quota of bytes in time gets more time: see min_rate.h.
 */
static void
count_moved(struct lot *lot, struct parked *b, size_t n)
{
	b->moved += n;
	if (b->moved >= min_rate_quota(lot->parked.limits[b->state]) &&
	    io_may_go_on(lot, b))
		parked_enter(&lot->parked, b, b->state);
}

/* The connection is over, and its last response has not been judged yet. */
static void
io_end(struct lot *lot, struct parked *b)
{
	stalls_at_end(lot->inherited->board, &b->stall, b->fd, &b->peer,
	    &lot->stall_suspects);
	parked_release(&lot->parked, b);
}

static void
io_drain(struct lot *lot, struct parked *b)
{
	ssize_t n = recv(
	    b->fd, lot->scratch, HANDOFF_BYTES_MAX, MSG_DONTWAIT | MSG_TRUNC);

	if (n > 0)
		count_moved(lot, b, (size_t)n);
	else if (n == 0 || errno != EAGAIN)
		io_end(lot, b);
}

static bool
waits_for_request(const struct parked *b)
{
	return b->state == PARKED_IDLE || b->state == PARKED_HEAD ||
	    b->state == PARKED_COLLECT;
}

/* What does not fit is not reported again. */
static void
take_bytes(struct lot *lot, struct parked *b, size_t n, size_t room)
{
	if (n == room)
		b->unread = true;
	count_moved(lot, b, n);
	parked_add_bytes(&lot->parked, b, lot->scratch, n);
	lot_look_at_bytes(lot, b);
}

static void
receive_once(struct lot *lot, struct parked *b)
{
	size_t room = b->len < lot->room ? lot->room - b->len : 0;
	ssize_t n = recv(b->fd, lot->scratch, room, MSG_DONTWAIT);

	if (n == -1 && errno == EAGAIN) {
		b->unread = false;
		return;
	}
	if (n > 0) {
		take_bytes(lot, b, (size_t)n, room);
	} else if (n == 0 && b->state != PARKED_IDLE) {
		make_ready(
		    lot, b); /* a worker responds to the incomplete request */
	} else {
		io_end(lot, b);
	}
}

/* The end of the connection is reported once, perhaps together with bytes. */
static void
io_receive(struct lot *lot, struct parked *b)
{
	do
		receive_once(lot, b);
	while (b->unread && waits_for_request(b));
}

/* The response is complete: waits for the next request, or closes. */
static void
go_on_after_send(struct lot *lot, struct parked *b)
{
	b->parked = clock_now();
	b->stall.handed = b->parked;
	if (b->close_after || lot->stopping) {
		shutdown(b->fd, SHUT_WR);
		parked_enter(&lot->parked, b, PARKED_LINGER);
		return;
	}
	parked_enter(&lot->parked, b, PARKED_IDLE);
	look_for_head(lot, b);
}

void
lot_give_up_sending(struct lot *lot, struct parked *b, const char *why)
{
	log_info("%s did not receive %llu bytes of its response: %s",
	    b->peer.name, (unsigned long long)deferred_length(b->deferred),
	    why);
	score_lot_aborted(lot->inherited->board->lot);
	parked_release(&lot->parked, b);
}

/* When there are no workers any more, the lot itself may wait for the disk. */
static ssize_t
io_send_step(struct lot *lot, struct parked *b)
{
	if (lot->drained)
		return deferred_send(b->deferred, b->fd, SEND_STEP);
	return deferred_send_cached(
	    b->deferred, b->fd, SEND_STEP, lot->scratch, HANDOFF_BYTES_MAX);
}

/*
 * Sends a limited part, so that no client keeps the others waiting.  If the
 * next part is on the disk, a worker sends it.
 */
static void
io_send_deferred(struct lot *lot, struct parked *b)
{
	ssize_t n = io_send_step(lot, b);

	if (n > 0) {
		b->sent += (uint64_t)n;
		count_moved(lot, b, (size_t)n);
	}
	if (n == -1 && errno == DEFERRED_FILE_ENDED)
		deferred_log_file_ended(b->deferred, b->peer.name);
	if (n == -1 && errno == DEFERRED_IS_ON_DISK)
		parked_enter(&lot->parked, b, PARKED_READY);
	else if (n == -1 && errno != EAGAIN && errno != EINTR)
		lot_give_up_sending(lot, b,
		    errno == DEFERRED_FILE_ENDED ? "its file ended"
						 : strerror(errno));
	else if (deferred_length(b->deferred) == 0)
		go_on_after_send(lot, b);
}

void
lot_act_on_parked(struct lot *lot, struct parked *b)
{
	switch (b->state) {
	case PARKED_IDLE:
	case PARKED_HEAD:
	case PARKED_COLLECT:
		io_receive(lot, b);
		break;
	case PARKED_SEND:
		io_send_deferred(lot, b);
		break;
	case PARKED_LINGER:
		io_drain(lot, b);
		break;
	case PARKED_READY:
	case PARKED_LENT:
		lot_note_unread(lot, b);
		break;
	case PARKED_KEPT: /* its worker sees it, too */
	case PARKED_DEAD:
	case PARKED_STATES:
		break;
	}
}

/*
 * The client has gone while a worker was to run its request, to refuse what is no
 * whole one, or to read the next part of its response from the disk.
 */
static void
drop_ready(struct lot *lot, struct parked *b)
{
	if (b->deferred != NULL) {
		lot_give_up_sending(lot, b, strerror(ECONNRESET));
		return;
	}
	if (b->scan.end > 0 || b->collected) {
		log_info(
		    "%s went before a worker ran its request", b->peer.name);
		score_lot_aborted(lot->inherited->board->lot);
	}
	io_end(lot, b);
}

/*
 * EPOLLHUP means that nobody will read, and is reported in each state; after
 * EPOLLRDHUP alone the client may still read.
 */
void
lot_act_on_events(struct lot *lot, struct parked *b, uint32_t events)
{
	if (waits_for_request(b) &&
	    (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
		b->unread = true;
	if (b->state != PARKED_READY || (events & EPOLLHUP) == 0)
		lot_act_on_parked(lot, b);
	if (b->state == PARKED_READY && (events & EPOLLHUP) != 0)
		drop_ready(lot, b);
}

/*
 * A socket is ready for writing only when a third of its buffer is free.  A slow
 * client may need longer than a window for that, so this counts the bytes that
 * the client has received.
 */
static void
check_rate(struct lot *lot, struct parked *b)
{
	if (parked_taken(b) < min_rate_quota(lot->parked.limits[PARKED_SEND])) {
		lot_give_up_sending(lot, b, strerror(ETIMEDOUT));
		return;
	}
	parked_enter(&lot->parked, b, PARKED_SEND);
	io_send_deferred(lot, b);
}

/* The client has not sent its request in time: a worker responds with 408. */
static void
time_out(struct lot *lot, struct parked *b)
{
	b->request_timed_out = true;
	make_ready(lot, b);
}

/*
 * A client that still receives the last response from the kernel is not idle.
 * If the connection were closed and the client then sent its next request, a
 * reset would destroy the rest of that response.
 */
static void
expire_idle(struct lot *lot, struct parked *b)
{
	uint64_t quota = min_rate_quota(lot->parked.limits[PARKED_IDLE]);
	uint64_t queued = parked_queued(b);

	if (queued == 0 || (b->queued != 0 && parked_taken(b) < quota)) {
		io_end(lot, b);
		return;
	}
	parked_enter(&lot->parked, b, PARKED_IDLE);
	b->queued = queued;
}

void
lot_expire(struct lot *lot, struct parked *b)
{
	switch (b->state) {
	case PARKED_HEAD:
	case PARKED_COLLECT:
		time_out(lot, b);
		break;
	case PARKED_SEND:
		check_rate(lot, b);
		break;
	case PARKED_IDLE:
		expire_idle(lot, b);
		break;
	default:
		io_end(lot, b);
		break;
	}
}
