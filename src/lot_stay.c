#include <sys/socket.h>

#include <errno.h>
#include <string.h>

#include "clock.h"
#include "connection.h"
#include "log.h"
#include "lot_state.h"
#include "pace.h"

/* Of a response, before the next client gets some of its own. */
#define SEND_STEP (256 << 10)

/* It is not looked at any more until a worker has it. */
static void
make_ready(struct lot *lot, struct berth *b)
{
	b->gap = clock_now() - b->parked;
	b->collected = b->state == BERTH_COLLECT;
	berth_enter(&lot->berths, b, BERTH_READY);
}

/* What cannot be one is ready too: a worker refuses it. */
static void
look_for_head(struct lot *lot, struct berth *b)
{
	uint64_t max = lot->heritage->config.max_head;

	if (b->len == 0)
		return;
	if (head_find(&b->scan, b->bytes, b->len, max) != HEAD_MORE)
		make_ready(lot, b);
	else if (b->state == BERTH_IDLE && head_has_begun(&b->scan, b->len))
		berth_enter(&lot->berths, b, BERTH_HEAD);
}

void
lot_look_at_bytes(struct lot *lot, struct berth *b)
{
	if (b->state != BERTH_COLLECT)
		look_for_head(lot, b);
	else if (b->len >= lot->room ||
	    collect_is_done(&b->collect, b->bytes, b->len))
		make_ready(lot, b);
}

/* Whether it may have more time, if it is not too slow. */
static bool
may_go_on(const struct lot *lot, const struct berth *b)
{
	if (b->state == BERTH_LINGER)
		return !lot->stopping &&
		    clock_now() - b->parked < CONNECTION_LINGER_TIME;
	return b->state == BERTH_COLLECT || b->state == BERTH_SEND;
}

/* As pace.h has it: who moves a quota of bytes in time gets more time. */
static void
count_moved(struct lot *lot, struct berth *b, size_t n)
{
	b->moved += n;
	if (b->moved >= pace_quota(lot->berths.limits[b->state]) &&
	    may_go_on(lot, b))
		berth_enter(&lot->berths, b, b->state);
}

static void
drain(struct lot *lot, struct berth *b)
{
	ssize_t n = recv(
	    b->fd, lot->scratch, HANDOFF_BYTES_MAX, MSG_DONTWAIT | MSG_TRUNC);

	if (n > 0)
		count_moved(lot, b, (size_t)n);
	else if (n == 0 || errno != EAGAIN)
		berth_release(&lot->berths, b);
}

static void
receive(struct lot *lot, struct berth *b)
{
	size_t room = b->len < lot->room ? lot->room - b->len : 0;
	ssize_t n = recv(b->fd, lot->scratch, room, MSG_DONTWAIT);

	if (n == -1 && errno == EAGAIN)
		return;
	if (n > 0) {
		count_moved(lot, b, (size_t)n);
		berth_add_bytes(&lot->berths, b, lot->scratch, (size_t)n);
		lot_look_at_bytes(lot, b);
	} else if (n == 0 && b->state != BERTH_IDLE) {
		make_ready(lot, b); /* a worker says what is missing */
	} else {
		berth_release(&lot->berths, b);
	}
}

/* All of the response is sent: the next request, or the end. */
static void
go_on_after_send(struct lot *lot, struct berth *b)
{
	b->parked = clock_now();
	if (b->last || lot->stopping) {
		shutdown(b->fd, SHUT_WR);
		berth_enter(&lot->berths, b, BERTH_LINGER);
		return;
	}
	berth_enter(&lot->berths, b, BERTH_IDLE);
	look_for_head(lot, b);
}

void
lot_give_up_sending(struct lot *lot, struct berth *b, const char *why)
{
	log_info("%s did not take %llu bytes of a response: %s", b->peer.name,
	    (unsigned long long)rest_length(b->rest), why);
	score_lot_aborted(lot->heritage->board->lot);
	berth_release(&lot->berths, b);
}

/* When there are no workers any more, nobody else waits for the disk either. */
static ssize_t
send_step(struct lot *lot, struct berth *b)
{
	if (lot->drained)
		return rest_send(b->rest, b->fd, SEND_STEP);
	return rest_send_cached(
	    b->rest, b->fd, SEND_STEP, lot->scratch, HANDOFF_BYTES_MAX);
}

/*
 * A little of it, so that no client keeps the others waiting.  A worker waits
 * for the disk.
 */
static void
send_rest(struct lot *lot, struct berth *b)
{
	ssize_t n = send_step(lot, b);

	if (n > 0) {
		b->sent += (uint64_t)n;
		count_moved(lot, b, (size_t)n);
	}
	if (n == -1 && errno == REST_IS_ON_DISK)
		berth_enter(&lot->berths, b, BERTH_READY);
	else if (n == -1 && errno != EAGAIN && errno != EINTR)
		lot_give_up_sending(lot, b, strerror(errno));
	else if (rest_length(b->rest) == 0)
		go_on_after_send(lot, b);
}

void
lot_act_on_berth(struct lot *lot, struct berth *b)
{
	switch (b->state) {
	case BERTH_IDLE:
	case BERTH_HEAD:
	case BERTH_COLLECT:
		receive(lot, b);
		break;
	case BERTH_SEND:
		send_rest(lot, b);
		break;
	case BERTH_LINGER:
		drain(lot, b);
		break;
	case BERTH_READY:
	case BERTH_DEAD:
	case BERTH_STATES:
		break;
	}
}

/*
 * Ready to be written to is a socket only when a third of its buffer is free,
 * which may take a slow client longer than that: what counts is what it took.
 */
static void
look_at_pace(struct lot *lot, struct berth *b)
{
	if (berth_taken(b) < pace_quota(lot->berths.limits[BERTH_SEND])) {
		lot_give_up_sending(lot, b, strerror(ETIMEDOUT));
		return;
	}
	berth_enter(&lot->berths, b, BERTH_SEND);
	send_rest(lot, b);
}

/* What the client should have sent: a worker says that it is late. */
static void
make_late(struct lot *lot, struct berth *b)
{
	b->late = true;
	make_ready(lot, b);
}

void
lot_expire(struct lot *lot, struct berth *b)
{
	switch (b->state) {
	case BERTH_HEAD:
	case BERTH_COLLECT:
		make_late(lot, b);
		break;
	case BERTH_SEND:
		look_at_pace(lot, b);
		break;
	default:
		berth_release(&lot->berths, b);
		break;
	}
}
