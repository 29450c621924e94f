#include <sys/socket.h>

#include <unistd.h>

#include "clock.h"
#include "connection.h"
#include "delivery.h"
#include "exchange.h"
#include "head.h"

/* Lingering close (RFC 9112, 9.6): what is drained, and for how long. */
#define LINGER_BYTES_MAX (256 << 10)
#define LINGER_TIME (2 * CLOCK_SECOND)
#define LINGER_TICK (20 * CLOCK_MILLISECOND)
/* For the first request of a connection, when the server stops. */
#define FIRST_GRACE (100 * CLOCK_MILLISECOND)

/* How the wait for a head has ended. */
enum head_end {
	HEAD_READY,
	HEAD_GONE, /* nobody waits for an answer */
	HEAD_BAD,  /* scan.status is the answer */
};

static enum head_end
bad_head(struct head_scan *scan, int status)
{
	scan->status = status;
	return HEAD_BAD;
}

/* Empty lines alone are no request that failed. */
static bool
has_begun(const struct head_scan *scan, struct text seen)
{
	return scan->lines > 0 || seen.len > scan->line;
}

/*
 * When the server stops, idle connections are closed; but who has just been
 * accepted is about to ask (TCP_DEFER_ACCEPT sees to that for TCP alone).
 */
static enum input_result
wait_for_request(struct client *c)
{
	if (c->in.hurry && c->requests == 0)
		return input_more(&c->in, clock_now() + FIRST_GRACE);
	return input_wait(&c->in);
}

/*
 * Between requests it is the client's turn, and the end of the wait is the end
 * of the connection, in silence.  Within a head it has a deadline and an
 * answer.
 */
static enum head_end
read_head(struct client *c, struct head_scan *scan)
{
	int64_t deadline = 0;

	for (;;) {
		struct text seen = input_text(&c->in);
		enum input_result result;

		switch (head_find(
		    scan, seen.at, seen.len, c->service.config->max_head)) {
		case HEAD_COMPLETE:
			return HEAD_READY;
		case HEAD_REFUSED:
			return HEAD_BAD;
		case HEAD_MORE:
			break;
		}
		if (output_flush(&c->out) == -1)
			return HEAD_GONE;
		if (!has_begun(scan, seen)) {
			score_enter(c->service.score, SCORE_READING);
			score_request(c->service.score, TEXT(""));
			result = wait_for_request(c);
		} else {
			if (deadline == 0)
				deadline = clock_now() +
				    c->service.config->head_timeout;
			result = input_more(&c->in, deadline);
		}
		if (result == INPUT_BYTES)
			continue;
		if (result == INPUT_FAILED || !has_begun(scan, seen))
			return HEAD_GONE;
		return bad_head(scan, result == INPUT_END ? 400 : 408);
	}
}

static void
serve_request(struct client *c)
{
	struct head_scan scan = {0};

	switch (read_head(c, &scan)) {
	case HEAD_READY:
		c->requests++;
		/* Past empty lines, and with room for content behind it. */
		input_take(&c->in, scan.start);
		input_compact(
		    &c->in, scan.end - scan.start, CLIENT_CONTENT_ROOM);
		exchange_answer(c, scan.end - scan.start);
		break;
	case HEAD_BAD:
		input_take(&c->in, scan.start);
		request_reset(&c->request);
		delivery_start(c);
		exchange_refuse(c, scan.status);
		break;
	case HEAD_GONE:
		c->close = true;
		break;
	}
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
static void
linger(struct client *c)
{
	int64_t deadline = clock_now() + LINGER_TIME;
	size_t drained = 0;

	score_enter(c->service.score, SCORE_LINGERING);
	shutdown(c->fd, SHUT_WR);
	while (drained < LINGER_BYTES_MAX && clock_now() < deadline) {
		input_attach(&c->in, c->fd);
		if (!linger_on(c, deadline))
			break;
		drained += input_text(&c->in).len;
	}
}

static void
finish(struct client *c)
{
	output_flush(&c->out);
	/*
	 * Pipelined requests behind the last one are not answered; and while
	 * the kernel still sends, any byte that comes would be a reset.
	 */
	if (input_text(&c->in).len > 0)
		c->linger = true;
	if (!c->out.failed && (c->linger || output_is_unsent(&c->out)))
		linger(c);
	close(c->fd);
	client_detach(c);
}

void
connection_serve(struct client *c, int fd, const struct peer *peer)
{
	client_attach(c, fd, peer);
	while (!c->close && !c->out.failed)
		serve_request(c);
	finish(c);
}
