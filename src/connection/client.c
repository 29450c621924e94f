#include <string.h>

#include "base/clock.h"
#include "base/min_rate.h"
#include "connection/accounting.h"
#include "connection/answer.h"
#include "connection/client.h"
#include "connection/client_wait.h"
#include "connection/respond.h"
#include "connection/stalls.h"
#include "http/request_head.h"
#include "shared/scoreboard_read.h"

/* For the first request of a connection, when the server stops. */
#define FIRST_GRACE (100 * CLOCK_MILLISECOND)
/* A client whose last request came within this time is worth a wait. */
#define BRISK_GAP CLOCK_MILLISECOND
/*
 * True if the worker must not wait for an idle client any longer, because no
 * lot runs and another connection waits in the channel to it.
 */
#define ABSENCE_PATIENCE CLOCK_SECOND
/* Requests of one client in a row, and its time, while others wait. */
#define STREAK_MAX 8
#define STREAK_TIME (2 * CLOCK_MILLISECOND)
/* How long a free worker may need to take a client; one may be stopped. */
#define FREE_PATIENCE (20 * CLOCK_MILLISECOND)

/* How the wait for a head has ended. */
enum head_end {
	HEAD_READY,
	HEAD_GONE,  /* nobody waits for an answer */
	HEAD_BAD,   /* scan.status is the answer */
	HEAD_LATER, /* it is worth no worker's time to wait for */
};

void
client_init(struct client *c, const struct service *service)
{
	connection_init(&c->connection, service);
	exchange_init(&c->exchange, &c->connection);
	c->exchange.request.takes_any_method = service->site->takes_any_method;
}

void
client_free(struct client *c)
{
	connection_free(&c->connection);
	exchange_free(&c->exchange);
}

void
client_attach(struct client *c, int fd, const struct peer *peer)
{
	connection_attach(&c->connection, fd, peer);
	exchange_reset(&c->exchange);
}

static enum head_end
bad_head(struct request_head_scan *scan, int status)
{
	scan->status = status;
	return HEAD_BAD;
}

/* True if no other client needs this worker, as far as is known. */
static bool
is_spare(struct connection *c)
{
	if (others_are_kept(c->service->others))
		return false;
	return !service_has_waiting_clients(c->service) &&
	    (c->idle_time < BRISK_GAP ||
		scoreboard_has_idle(c->service->board));
}

/*
 * False if the client is expected to ask later than the wait would last, as it
 * did the last time: looking for its bytes would find none.  A worker that keeps
 * others learns of them all in one wait, but of no new client, which comes with its
 * request.
 */
static bool
is_worth_a_wait(const struct connection *c)
{
	if (others_are_kept(c->service->others) && c->requests > 0 &&
	    c->idle_time != 0)
		return false;
	return c->idle_time == CLOCK_NEVER ||
	    c->idle_time <= c->service->config->linger;
}

static int64_t
time_without_lot(const struct connection *c)
{
	int64_t time = CONFIG_KEEPALIVE_WITHOUT_LOT * CLOCK_SECOND;

	if (channel_has_message(c->service->parked))
		return ABSENCE_PATIENCE;
	return time < c->service->config->keepalive_timeout
	    ? time
	    : c->service->config->keepalive_timeout;
}

/*
 * With --no-lot SO_RCVTIMEO is the time that a client may be idle.  Where a lot
 * is only missing it is --linger, and after each the lot may be there again.
 */
static enum input_result
wait_without_lot(struct tined_exchange *x)
{
	struct connection *c = x->connection;
	enum input_result result;

	do
		result = client_wait(x, true);
	while (result == INPUT_TIMEOUT && !c->out.deferring &&
	    parking_misses_lot(&c->parking) &&
	    clock_now() - x->wait_began < time_without_lot(c));
	return result;
}

/* The lot may end meanwhile, and the next one takes a while to start. */
static enum input_result
wait_before_parking(struct tined_exchange *x)
{
	struct connection *c = x->connection;
	enum input_result result = is_worth_a_wait(c)
	    ? client_wait(x, is_spare(c))
	    : client_wait_none(x);

	if (result == INPUT_TIMEOUT && !c->out.deferring &&
	    parking_misses_lot(&c->parking))
		return wait_without_lot(x);
	return result;
}

/*
 * Waits for the next request.  If no other client needs this worker, it waits
 * for a while (SO_RCVTIMEO: --linger); otherwise not at all, because a
 * hand-over costs less than a worker that waits.  When the server stops, idle
 * connections are closed; but a client that has just been accepted is about to
 * ask (TCP_DEFER_ACCEPT sees to that for TCP alone).
 */
static enum input_result
wait_for_request(struct tined_exchange *x)
{
	struct connection *c = x->connection;
	enum input_result result;

	score_request(c->service->score, TEXT(""));
	if (c->in.hurry && c->requests == 0)
		result = client_wait_until(x, clock_now() + FIRST_GRACE);
	else if (parking_is_possible(&c->parking))
		result = wait_before_parking(x);
	else
		result = wait_without_lot(x);
	if (c->requests > 0) { /* the first comes with the connection */
		int64_t now = clock_now();

		c->idle_time = now - x->wait_began;
		if (result != INPUT_TIMEOUT)
			stalls_at_request(x, now);
	}
	return result;
}

/* Waits for the rest of a head, which has begun to come by then. */
static enum input_result
wait_for_rest(struct tined_exchange *x, int64_t *began)
{
	const struct config *config = x->connection->service->config;

	if (*began == 0)
		*began = clock_now();
	return client_wait_or_park(
	    x, *began + config->linger, *began + config->head_timeout);
}

static enum head_end
end_of_wait(struct connection *c, struct request_head_scan *scan,
    enum input_result result)
{
	bool begun = request_head_has_begun(scan, input_text(&c->in).len);

	if (result == INPUT_TIMEOUT && parking_is_possible(&c->parking))
		return HEAD_LATER;
	if (result == INPUT_FAILED || !begun)
		return HEAD_GONE;
	return bad_head(scan, result == INPUT_END ? 400 : 408);
}

/* Most heads arrive complete, and are found and parsed in one pass. */
static enum request_head_found
find_head(struct tined_exchange *x, struct request_head_scan *scan)
{
	struct text seen = input_text(&x->connection->in);
	size_t max = x->connection->service->config->max_head;

	if (seen.len > 0 && scan->at == 0) {
		scan->end =
		    request_head_take(seen.at, seen.len, max, &x->request);
		if (scan->end > 0) {
			exchange_enter(x, EXCHANGE_PARSED);
			return REQUEST_HEAD_COMPLETE;
		}
	}
	return request_head_find(scan, seen.at, seen.len, max);
}

/*
 * The lot may have found the head; the positions are of the bytes that came
 * with the client, and so good for once.
 */
static bool
take_found_head(struct tined_exchange *x, struct request_head_scan *scan)
{
	const char empty[] = "\r\n\r\n";
	size_t begin = x->arrival.head_start, end = x->arrival.head_end;
	struct text seen = input_text(&x->connection->in);

	x->arrival.head_end = 0;
	if (end > seen.len || begin + sizeof(empty) > end ||
	    memcmp(seen.at + end - strlen(empty), empty, strlen(empty)) != 0)
		return false;
	scan->start = begin;
	scan->end = end;
	return true;
}

/*
 * Without a lot, the end of the wait for a request is the end of the
 * connection, in silence; within a head it has a deadline and an answer.
 */
static enum head_end
read_head(struct tined_exchange *x, struct request_head_scan *scan)
{
	struct connection *c = x->connection;
	int64_t began = 0;

	if (take_found_head(x, scan))
		return HEAD_READY;
	for (;;) {
		struct text seen = input_text(&c->in);
		enum input_result result;

		switch (find_head(x, scan)) {
		case REQUEST_HEAD_COMPLETE:
			return HEAD_READY;
		case REQUEST_HEAD_REFUSED:
			return HEAD_BAD;
		case REQUEST_HEAD_MORE:
			break;
		}
		if (x->arrival.request_timed_out)
			return bad_head(scan, 408);
		result = request_head_has_begun(scan, seen.len)
		    ? wait_for_rest(x, &began)
		    : wait_for_request(x);
		if (c->out.deferring)
			return HEAD_LATER;
		if (result != INPUT_BYTES)
			return end_of_wait(c, scan, result);
	}
}

/*
 * Takes the bytes before the head, and makes room for content behind it.  Parses
 * the head where it then lies, unless it has been parsed there.  Returns 0, or
 * the status code of the refusal.
 */
static int
settle_head(struct tined_exchange *x, const struct request_head_scan *scan)
{
	struct input *in = &x->connection->in;
	size_t len = scan->end - scan->start;
	int status;

	input_take(in, scan->start);
	if (input_compact(in, len, CONNECTION_CONTENT_ROOM))
		exchange_enter(x, EXCHANGE_WAITING);
	if (x->state == EXCHANGE_PARSED)
		return 0;
	status = request_head_parse(input_text(in).at, len, &x->request);
	if (status == 0)
		exchange_enter(x, EXCHANGE_PARSED);
	return status;
}

static bool
answer_head(struct tined_exchange *x, const struct request_head_scan *scan)
{
	int status = settle_head(x, scan);

	if (status == 0)
		return answer_request(x, scan->end - scan->start);
	answer_refuse(x, status);
	return true;
}

/* The client of a worker that is to end goes to another. */
static void
look_for_end(struct connection *c)
{
	if (c->service->recycle == NULL || !recycle_is_due(c->service->recycle))
		return;
	if (c->service->ready != NULL)
		input_yield(&c->in);
	else
		c->close_next = 1;
}

/* False when the client is to wait elsewhere. */
static bool
serve_request(struct tined_exchange *x)
{
	struct connection *c = x->connection;
	struct request_head_scan scan = {0};

	exchange_enter(x, EXCHANGE_WAITING);
	switch (read_head(x, &scan)) {
	case HEAD_READY:
		if (!answer_head(x, &scan))
			return false;
		break;
	case HEAD_BAD:
		input_take(&c->in, scan.start);
		request_reset(&x->request);
		answer_refuse(x, scan.status);
		break;
	case HEAD_GONE:
		stalls_at_request(x, clock_now()); /* its time may be over */
		c->close_after = true;
		break;
	case HEAD_LATER:
		return false;
	}
	if (x->state == EXCHANGE_ANSWERED)
		answer_conclude(x);
	others_end_request(c->service->others);
	c->requests++;
	c->streak++;
	c->parking.lot_refused = false;
	exchange_reset(x);
	look_for_end(c);
	return true;
}

static bool
has_had_its_turn(struct connection *c)
{
	int64_t now;

	if (score_lot_on_the_way(c->service->board) <= 0) {
		c->others_since = 0;
		return false;
	}
	now = clock_now();
	if (c->others_since == 0)
		c->others_since = now;
	if (!service_has_waiting_clients(c->service))
		return now - c->others_since >= FREE_PATIENCE;
	return c->streak >= STREAK_MAX ||
	    now - score_came(c->service->score) >= STREAK_TIME;
}

/*
 * A client that always has a request ready must not keep other clients waiting,
 * nor keep a worker from its end.
 */
static bool
must_give_way(struct connection *c)
{
	if (!parking_is_possible(&c->parking))
		return false;
	if (!c->in.yield && !has_had_its_turn(c))
		return false;
	accounting_flush(c);
	return !c->close_after;
}

static enum client_end
end_of_turn(const struct tined_exchange *x)
{
	const struct connection *c = x->connection;

	if (c->out.failed)
		return CLIENT_CLOSES;
	if (c->out.deferring)
		return CLIENT_SENDS;
	return x->wanted_bytes > 0 ? CLIENT_COLLECTS : CLIENT_WAITS;
}

enum client_end
client_resume(struct client *client)
{
	struct connection *c = &client->connection;

	if (accounting_resume(c) == -1 || c->out.deferring)
		return end_of_turn(&client->exchange);
	return c->close_after ? CLIENT_LINGERS : client_serve(client);
}

enum client_end
client_serve(struct client *client)
{
	struct connection *c = &client->connection;
	struct tined_exchange *x = &client->exchange;
	bool pipelined;

	x->wanted_bytes = 0;
	while (!c->close_after && !c->out.failed && !c->out.deferring)
		if (!serve_request(x) || must_give_way(c))
			return end_of_turn(x);
	accounting_flush(c);
	if (c->out.failed || c->out.deferring)
		return end_of_turn(x);
	/*
	 * Pipelined requests behind the last one are not answered, and a client
	 * that cannot be told so by a shutdown waits for the close; and while
	 * the kernel still sends, any byte that comes would be a reset.
	 */
	pipelined = input_text(&c->in).len > 0;
	if (pipelined && c->service->may_shutdown)
		c->linger_after = true;
	return c->linger_after || pipelined || output_is_unsent(&c->out)
	    ? CLIENT_LINGERS
	    : CLIENT_CLOSES;
}
