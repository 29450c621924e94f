#include <sys/socket.h>

#include "base/clock.h"
#include "base/min_rate.h"
#include "connection/accounting.h"
#include "connection/connection.h"
#include "connection/exchange.h"
#include "connection/respond.h"
#include "http/request_head.h"

/* How often what the kernel still sends is looked at. */
#define LINGER_TICK (20 * CLOCK_MILLISECOND)
/* For the first request of a connection, when the server stops. */
#define FIRST_GRACE (100 * CLOCK_MILLISECOND)
/* A client that sent its last request within this is waited for. */
#define BRISK_GAP CLOCK_MILLISECOND
/*
 * While there is no lot, and another connection lies in the channel to it, an
 * idle client is waited for no longer.
 */
#define ABSENCE_PATIENCE CLOCK_SECOND
/* Requests of one client in a row, while others wait. */
#define STREAK_MAX 8

/* How the wait for a head has ended. */
enum head_end {
	HEAD_READY,
	HEAD_GONE,  /* nobody waits for an answer */
	HEAD_BAD,   /* scan.status is the answer */
	HEAD_LATER, /* it is worth no worker's time to wait for */
};

static enum head_end
bad_head(struct request_head_scan *scan, int status)
{
	scan->status = status;
	return HEAD_BAD;
}

/* Whether a client that the lot has handed over waits for a worker. */
static bool
others_wait(const struct client *c)
{
	return score_lot_on_the_way(c->service.board) > 0 &&
	    channel_has_message(c->service.ready);
}

/*
 * Whether the lot has room for a response, as far as is known: if it has little
 * left, what others have sent it, and it has not read, may be too much already.
 */
static bool
lot_has_room(const struct client *c)
{
	const struct score_lot *lot = c->service.board->lot;

	return !atomic_load(&lot->full) &&
	    !(score_lot_is_crowded(lot) &&
		channel_has_message(c->service.parked));
}

/* Whether what the client does not take now may be sent by the lot. */
static bool
may_defer(void *context, enum output_pause pause)
{
	struct client *c = context;
	struct scoreboard *board = c->service.board;

	return c->finishing && client_may_park(c) &&
	    input_text(&c->in).len + sizeof(struct deferred) <= c->in.size &&
	    lot_has_room(c) &&
	    (pause == OUTPUT_STALLED || !scoreboard_has_idle(board)) &&
	    (pause != OUTPUT_FULL || others_wait(c));
}

static bool
may_keep(void *context, size_t bytes)
{
	const struct service *s = &((struct client *)context)->service;

	return deferred_budget_take(s->deferred_budget, s->worker - 1, bytes);
}

static void
give_back(void *context, uint64_t bytes)
{
	const struct service *s = &((struct client *)context)->service;

	deferred_budget_return(s->deferred_budget, s->worker - 1, bytes);
}

/* Whether nobody misses this worker, as far as can be told. */
static bool
is_spare(struct client *c)
{
	if (scoreboard_has_idle(c->service.board))
		return true;
	return c->gap < BRISK_GAP && !others_wait(c);
}

static int64_t
time_without_lot(const struct client *c)
{
	int64_t time = CONFIG_KEEPALIVE_WITHOUT_LOT * CLOCK_SECOND;

	if (channel_has_message(c->service.parked))
		return ABSENCE_PATIENCE;
	return time < c->service.config->keepalive_timeout
	    ? time
	    : c->service.config->keepalive_timeout;
}

/*
 * With --no-lot SO_RCVTIMEO is the time that a client may be idle.  Where a lot
 * is only missing it is --linger, and after each the lot may be there again.
 */
static enum input_result
wait_without_lot(struct client *c, int64_t start)
{
	enum input_result result;

	do
		result = input_wait(&c->in, true);
	while (result == INPUT_TIMEOUT && client_misses_lot(c) &&
	    clock_now() - start < time_without_lot(c));
	return result;
}

/*
 * Between requests it is the client's turn.  A worker that nobody misses waits
 * for a while (SO_RCVTIMEO: --linger), another does not wait at all: requests
 * of other clients are ready, and a hand-over costs less than an idle worker.
 * When the server stops, idle connections are closed; but a client that has
 * just been accepted is about to ask (TCP_DEFER_ACCEPT sees to that for TCP
 * alone).
 */
static enum input_result
wait_for_request(struct client *c)
{
	int64_t start = score_enter(c->service.score, SCORE_READING);
	enum input_result result;

	score_request(c->service.score, TEXT(""));
	if (c->in.hurry && c->requests == 0)
		result = input_more(&c->in, start + FIRST_GRACE);
	else if (client_may_park(c))
		result = input_wait(&c->in, is_spare(c));
	else
		result = wait_without_lot(c, start);
	if (c->requests > 0) /* the first comes with the connection */
		c->gap = clock_now() - start;
	return result;
}

/* A stop may begin meanwhile, or a lot may end or begin. */
static enum input_result
wait_for_deferred(struct client *c, int64_t *began)
{
	const struct config *config = c->service.config;
	enum input_result result;
	int64_t end;

	if (*began == 0)
		*began = clock_now();
	end = *began + config->head_timeout;
	do
		if (client_may_park(c))
			result = input_linger(&c->in, *began + config->linger);
		else if (client_misses_lot(c))
			result = input_more(&c->in,
			    clock_sooner(
				clock_now() + CLIENT_ABSENCE_TICK, end));
		else
			result = input_more(&c->in, end);
	while (result == INPUT_TIMEOUT && !client_may_park(c) &&
	    clock_now() < end);
	return result;
}

static enum head_end
end_of_wait(
    struct client *c, struct request_head_scan *scan, enum input_result result)
{
	bool begun = request_head_has_begun(scan, input_text(&c->in).len);

	if (result == INPUT_TIMEOUT && client_may_park(c))
		return HEAD_LATER;
	if (result == INPUT_FAILED || !begun)
		return HEAD_GONE;
	return bad_head(scan, result == INPUT_END ? 400 : 408);
}

/*
 * Without a lot, the end of the wait for a request is the end of the
 * connection, in silence; within a head it has a deadline and an answer.
 */
static enum head_end
read_head(struct client *c, struct request_head_scan *scan)
{
	int64_t began = 0;

	for (;;) {
		struct text seen = input_text(&c->in);
		enum input_result result;

		switch (request_head_find(
		    scan, seen.at, seen.len, c->service.config->max_head)) {
		case REQUEST_HEAD_COMPLETE:
			return HEAD_READY;
		case REQUEST_HEAD_REFUSED:
			return HEAD_BAD;
		case REQUEST_HEAD_MORE:
			break;
		}
		if (c->late)
			return bad_head(scan, 408);
		if (accounting_flush(c) == -1)
			return HEAD_GONE;
		if (c->out.deferring)
			return HEAD_LATER;
		result = request_head_has_begun(scan, seen.len)
		    ? wait_for_deferred(c, &began)
		    : wait_for_request(c);
		if (result != INPUT_BYTES)
			return end_of_wait(c, scan, result);
	}
}

/* The client of a worker that is to end goes to another. */
static void
look_for_end(struct client *c)
{
	if (c->service.recycle == NULL || !recycle_is_due(c->service.recycle))
		return;
	if (c->service.ready != NULL)
		input_yield(&c->in);
	else
		c->last = 1;
}

/* False when the client is to wait elsewhere. */
static bool
serve_request(struct client *c)
{
	struct request_head_scan scan = {0};

	switch (read_head(c, &scan)) {
	case HEAD_READY:
		/* Past empty lines, and with room for content behind it. */
		input_take(&c->in, scan.start);
		input_compact(
		    &c->in, scan.end - scan.start, CLIENT_CONTENT_ROOM);
		if (!exchange_answer(c, scan.end - scan.start))
			return false;
		break;
	case HEAD_BAD:
		input_take(&c->in, scan.start);
		request_reset(&c->request);
		respond_start(c);
		exchange_refuse(c, scan.status);
		break;
	case HEAD_GONE:
		c->close = true;
		break;
	case HEAD_LATER:
		return false;
	}
	c->requests++;
	c->streak++;
	c->queue_timed_out = false;
	c->refused = false;
	c->late = false;
	c->collected = false;
	c->continued = false;
	look_for_end(c);
	return true;
}

/*
 * None who always has a request ready keeps those who wait from a worker, nor a
 * worker from its end.
 */
static bool
must_give_way(struct client *c)
{
	if (!client_may_park(c))
		return false;
	if (!c->in.yield && (c->streak < STREAK_MAX || !others_wait(c)))
		return false;
	accounting_flush(c);
	return !c->close;
}

static enum connection_end
end_of_turn(const struct client *c)
{
	if (c->out.failed)
		return CONNECTION_CLOSES;
	if (c->out.deferring)
		return CONNECTION_SENDS;
	return c->wanted > 0 ? CONNECTION_COLLECTS : CONNECTION_WAITS;
}

static void
set_up_output(struct client *c)
{
	c->out.may_defer = may_defer;
	c->out.may_keep = may_keep;
	c->out.give_back = give_back;
	c->out.context = c;
}

enum connection_end
connection_resume(struct client *c, const struct deferred *deferred)
{
	set_up_output(c);
	score_enter(c->service.score, SCORE_WRITING);
	c->finishing = true;
	if (output_resume(&c->out, deferred) == -1 || c->out.deferring)
		return end_of_turn(c);
	return c->close ? CONNECTION_LINGERS : connection_serve(c);
}

enum connection_end
connection_serve(struct client *c)
{
	set_up_output(c);
	c->wanted = 0;
	while (!c->close && !c->out.failed && !c->out.deferring)
		if (!serve_request(c) || must_give_way(c))
			return end_of_turn(c);
	accounting_flush(c);
	if (c->out.failed || c->out.deferring)
		return end_of_turn(c);
	/*
	 * Pipelined requests behind the last one are not answered; and while
	 * the kernel still sends, any byte that comes would be a reset.
	 */
	if (input_text(&c->in).len > 0)
		c->linger = true;
	return c->linger || output_is_unsent(&c->out) ? CONNECTION_LINGERS
						      : CONNECTION_CLOSES;
}

/* False when waiting on serves no purpose. */
static bool
linger_on(struct client *c, int64_t deadline)
{
	int64_t tick = clock_now() + LINGER_TICK;

	if (c->linger) /* until the client closes */
		return input_more(&c->in, deadline) == INPUT_BYTES;
	switch (input_more(&c->in, tick < deadline ? tick : deadline)) {
	case INPUT_BYTES:
		return true;
	case INPUT_TIMEOUT:
		return output_is_unsent(&c->out);
	case INPUT_END:
	case INPUT_FAILED:
		break;
	}
	return false;
}

/*
 * Closing a socket on which bytes are unread, or still arriving, resets it, and
 * the reset can overtake the response that the client has not read yet.
 */
void
connection_linger(struct client *c)
{
	int64_t end = clock_now() + CONNECTION_LINGER_HERE_TIME;
	struct min_rate rate;

	score_enter(c->service.score, SCORE_LINGERING);
	shutdown(c->fd, SHUT_WR);
	min_rate_start(&rate, CONNECTION_LINGER_HERE_PAUSE);
	while (!min_rate_is_over(&rate) && clock_now() < end) {
		input_attach(&c->in, c->fd);
		if (!linger_on(c, clock_sooner(rate.ends, end)))
			break;
		if (!c->in.hurry)
			min_rate_add(&rate, input_text(&c->in).len);
	}
}
