#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "connection/client_wait.h"
#include "connection/request_content.h"
#include "http/collect.h"
#include "shared/scoreboard_read.h"

void
request_content_start(struct tined_exchange *x, size_t head)
{
	x->content_at = x->connection->in.taken + head;
	body_start(
	    &x->body, &x->request, x->connection->service->config->max_body);
	x->body_rate = (struct min_rate){0};
	x->content_failure = 0;
}

void
request_content_none(struct tined_exchange *x)
{
	body_start_length(&x->body, 0, 0);
	x->arrival.continue_sent = false;
}

bool
request_content_waits(const struct tined_exchange *x)
{
	const struct input *in = &x->connection->in;

	return x->request.expects_continue && !x->arrival.continue_sent &&
	    !x->arrival.request_timed_out &&
	    in->taken + input_text(in).len <= x->content_at;
}

/* RFC 9110, 10.1.1: when the content is about to be read, and none came. */
static void
send_continue(struct tined_exchange *x)
{
	static const char head[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (!request_content_waits(x))
		return;
	output_copy(&x->connection->out, head, sizeof(head) - 1);
	x->answer_from = output_position(&x->connection->out);
	x->arrival.continue_sent = true;
}

/* Begins with the first wait for content. */
static struct min_rate *
minimum_rate(struct tined_exchange *x)
{
	if (x->body_rate.window == 0)
		min_rate_start(&x->body_rate,
		    x->connection->service->config->body_timeout);
	return &x->body_rate;
}

/* False if there are none: the client has failed, or this may not wait. */
static bool
wait_for_bytes(struct tined_exchange *x, bool may_wait)
{
	size_t before = input_text(&x->connection->in).len;
	struct min_rate *rate = minimum_rate(x);
	int64_t deadline = x->arrival.request_timed_out ? 0 : rate->ends;

	send_continue(x);
	switch (client_wait_until(x, may_wait ? deadline : 0)) {
	case INPUT_BYTES:
		min_rate_add(rate, input_text(&x->connection->in).len - before);
		return true;
	case INPUT_TIMEOUT:
		if (may_wait || clock_now() >= deadline)
			x->content_failure = 408;
		break;
	case INPUT_END:
		x->content_failure = 400;
		break;
	case INPUT_FAILED:
		x->content_failure = 400;
		x->connection->out.failed = true;
		break;
	}
	return false;
}

/*
 * Whether all of the content is to be waited for before it is looked at: so
 * much that the lot can do it, as far as is known.
 */
static bool
is_collectable(const struct tined_exchange *x)
{
	uint64_t max = x->connection->service->config->body_buffer;
	bool small = x->body.state == BODY_CHUNK_SIZE
	    ? max > 0
	    : x->body.state == BODY_DATA && x->body.left <= max;

	return small &&
	    (parking_is_possible(&x->connection->parking) ||
		parking_misses_lot(&x->connection->parking)) &&
	    !x->arrival.content_collected && !x->arrival.request_timed_out;
}

/* Or as much of it as there is room for: the request is in the head's bytes. */
static bool
has_come(struct tined_exchange *x, struct collect *look)
{
	struct text seen = input_text(&x->connection->in);

	return input_is_full(&x->connection->in) ||
	    collect_is_done(look, seen.at, seen.len);
}

/*
 * Waits for the whole content, for as long as a linger if there is a lot.  The
 * client may be waiting for 100 Continue, and for answers before it.
 */
static enum input_result
wait_for_all(struct tined_exchange *x, struct collect *look)
{
	int64_t linger = clock_now() + x->connection->service->config->linger;
	struct min_rate *rate = minimum_rate(x);
	enum input_result result = INPUT_BYTES;
	size_t before = input_text(&x->connection->in).len;

	send_continue(x);
	while (result == INPUT_BYTES && !has_come(x, look)) {
		result = client_wait_or_park(x, linger, rate->ends);
		min_rate_add(rate, input_text(&x->connection->in).len - before);
		before = input_text(&x->connection->in).len;
	}
	return result;
}

bool
request_content_is_better_collected(struct tined_exchange *x, size_t head)
{
	size_t wanted = head + (size_t)x->body.left;
	struct collect look;

	if (!is_collectable(x))
		return false;
	collect_start(&look, x->body.chunked, wanted,
	    x->connection->service->config->body_buffer);
	if (has_come(x, &look))
		return false;
	if (wait_for_all(x, &look) != INPUT_TIMEOUT)
		return false;
	if (x->connection->out.deferring)
		return true;
	if (!parking_is_possible(&x->connection->parking))
		return false;
	x->wanted_bytes = wanted;
	return true;
}

/* The next bytes of content, at most size; a view into the input. */
static bool
next_bytes(
    struct tined_exchange *x, size_t size, bool may_wait, struct text *content)
{
	for (;;) {
		struct text seen = input_text(&x->connection->in);
		size_t len = seen.len;
		size_t used;

		if (x->body.state == BODY_DATA && len > size)
			len = size;
		used = body_take(&x->body, seen.at, len, content);
		input_take(&x->connection->in, used);
		if (content->len > 0 || x->body.state == BODY_COMPLETE)
			return true;
		if (x->body.state == BODY_REFUSED) {
			x->content_failure = x->body.status;
			return false;
		}
		if (used == 0 && !wait_for_bytes(x, may_wait))
			return false;
	}
}

/* Then the content was for another handler (builtin_redirect). */
static bool
has_been_redirected(const struct tined_exchange *x)
{
	return x->request.framing == FRAMING_NONE &&
	    x->body.state != BODY_COMPLETE;
}

static ssize_t
read_bytes(struct tined_exchange *x, char *to, size_t size, bool may_wait)
{
	struct text content;

	if (has_been_redirected(x))
		return 0;
	if (x->content_failure != 0 ||
	    !next_bytes(x, size, may_wait, &content)) {
		errno = x->content_failure != 0 ? EPROTO : EAGAIN;
		return -1;
	}
	memcpy(to, content.at, content.len);
	return (ssize_t)content.len;
}

ssize_t
request_content_read(struct tined_exchange *x, char *to, size_t size)
{
	return read_bytes(x, to, size, true);
}

ssize_t
request_content_read_now(struct tined_exchange *x, char *to, size_t size)
{
	return read_bytes(x, to, size, false);
}

/* Looks at it with a copy of the decoder, and so takes nothing. */
bool
request_content_is_ready(struct tined_exchange *x, int64_t *deadline)
{
	struct text seen = input_text(&x->connection->in), content;
	struct body look = x->body;
	size_t used = 1;
	bool ready;

	if (has_been_redirected(x))
		return true;
	*deadline = x->arrival.request_timed_out ? 0 : minimum_rate(x)->ends;
	content.len = 0;
	while (x->content_failure == 0 && used > 0 && content.len == 0 &&
	    look.state != BODY_COMPLETE && look.state != BODY_REFUSED) {
		used = body_take(&look, seen.at, seen.len, &content);
		seen.at += used;
		seen.len -= used;
	}
	ready = x->content_failure != 0 || content.len > 0 ||
	    look.state == BODY_COMPLETE || look.state == BODY_REFUSED;
	if (!ready)
		send_continue(x);
	return ready;
}

void
request_content_receive(struct tined_exchange *x)
{
	(void)wait_for_bytes(x, false);
}

bool
request_content_is_too_much(const struct tined_exchange *x)
{
	/* It was not asked for, and may or may not come. */
	if (x->request.expects_continue && !x->arrival.continue_sent &&
	    x->body.state != BODY_COMPLETE)
		return true;
	return x->body.state == BODY_REFUSED || x->content_failure != 0 ||
	    (!x->body.chunked && x->body.left > REQUEST_CONTENT_DRAIN_MAX);
}

bool
request_content_comes_soon(struct tined_exchange *x)
{
	int64_t deadline = 0; /* most requests have no content to wait for */
	size_t dropped = 0;
	struct text content;

	while (x->body.state != BODY_COMPLETE) {
		struct text seen = input_text(&x->connection->in);
		size_t used = body_take(&x->body, seen.at, seen.len, &content);

		input_take(&x->connection->in, used);
		dropped += content.len;
		if (x->body.state == BODY_REFUSED ||
		    dropped > REQUEST_CONTENT_DRAIN_MAX)
			return false;
		if (used > 0)
			continue;
		if (deadline == 0)
			deadline = clock_now() +
			    x->connection->service->config->linger;
		if (client_wait_lingering(x, deadline) != INPUT_BYTES)
			return false;
	}
	return true;
}

bool
request_content_drain(struct tined_exchange *x)
{
	size_t dropped = 0;
	struct text content;

	while (x->body.state != BODY_COMPLETE) {
		if (dropped > REQUEST_CONTENT_DRAIN_MAX ||
		    x->content_failure != 0 ||
		    !next_bytes(x, REQUEST_CONTENT_DRAIN_MAX, true, &content))
			return false;
		dropped += content.len;
	}
	return true;
}
