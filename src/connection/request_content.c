#include <string.h>

#include "base/clock.h"
#include "connection/accounting.h"
#include "connection/request_content.h"
#include "http/collect.h"

void
request_content_start(struct client *c, size_t head)
{
	c->content_at = c->in.taken + head;
	body_start(&c->body, &c->request, c->service.config->max_body);
	c->body_rate = (struct min_rate){0};
	c->failure = 0;
	c->request.read = request_content_read;
	c->request.context = c;
}

void
request_content_none(struct client *c)
{
	body_start_length(&c->body, 0, 0);
	c->continued = false;
}

/* RFC 9110, 10.1.1: when the content is about to be read, and none came. */
static void
send_continue(struct client *c)
{
	static const char head[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (!c->request.expects_continue || c->continued || c->late ||
	    c->in.taken + input_text(&c->in).len > c->content_at)
		return;
	output_copy(&c->out, head, sizeof(head) - 1);
	c->answer_from = output_position(&c->out);
	c->continued = true;
}

/*
 * The time that a client takes is not its handler's, which has another bound
 * (request_timeout.h): every wait is between these two.
 */
static enum score_state
begin_wait(const struct client *c)
{
	enum score_state before = score_state(c->service.score);

	score_enter(c->service.score, SCORE_READING);
	return before;
}

static void
end_wait(const struct client *c, enum score_state before)
{
	score_enter(c->service.score, before);
}

static bool
wait_for_bytes(struct client *c)
{
	size_t before = input_text(&c->in).len;
	enum score_state state = begin_wait(c);
	enum input_result result;

	/* What is ready goes before a wait: the client may be waiting too. */
	send_continue(c);
	output_flush(&c->out);
	c->out.sends = 0;
	if (c->body_rate.window == 0)
		min_rate_start(&c->body_rate, c->service.config->body_timeout);
	result = input_more(&c->in, c->late ? 0 : c->body_rate.ends);
	end_wait(c, state);
	switch (result) {
	case INPUT_BYTES:
		min_rate_add(&c->body_rate, input_text(&c->in).len - before);
		return true;
	case INPUT_TIMEOUT:
		c->failure = 408;
		break;
	case INPUT_END:
		c->failure = 400;
		break;
	case INPUT_FAILED:
		c->failure = 400;
		c->out.failed = true;
		break;
	}
	return false;
}

/*
 * Whether all of the content is to be waited for before it is looked at: so
 * much that the lot can do it, as far as is known.
 */
static bool
is_collectable(const struct client *c)
{
	uint64_t max = c->service.config->body_buffer;
	bool small = c->body.state == BODY_CHUNK_SIZE
	    ? max > 0
	    : c->body.state == BODY_DATA && c->body.left <= max;

	return small && (client_may_park(c) || client_misses_lot(c)) &&
	    !c->collected && !c->late;
}

/* Or as much of it as there is room for: the request is in the head's bytes. */
static bool
has_come(struct client *c, struct collect *look)
{
	struct text seen = input_text(&c->in);

	return input_is_full(&c->in) ||
	    collect_is_done(look, seen.at, seen.len);
}

/* While there is no lot, a worker waits in its place until there is one. */
static enum input_result
wait_without_lot(struct client *c)
{
	struct min_rate *rate = &c->body_rate;
	size_t before = input_text(&c->in).len;
	enum input_result result;

	if (rate->window == 0)
		min_rate_start(rate, c->service.config->body_timeout);
	do
		result = input_more(&c->in,
		    clock_sooner(
			clock_now() + CLIENT_ABSENCE_TICK, rate->ends));
	while (result == INPUT_TIMEOUT && client_misses_lot(c) &&
	    !min_rate_is_over(rate));
	if (result == INPUT_BYTES)
		min_rate_add(rate, input_text(&c->in).len - before);
	return result;
}

/*
 * The client may be waiting for 100 Continue, and for answers before it.  False
 * if that cannot be sent now; else *result is how the wait for the content
 * ends, which is as long as a linger if there is a lot.
 */
static bool
wait_briefly(struct client *c, struct collect *look, enum input_result *result)
{
	enum score_state state = begin_wait(c);
	int64_t deadline;
	bool sent;

	send_continue(c);
	sent = accounting_flush(c) == 0 && !c->out.deferring;
	deadline = clock_now() + c->service.config->linger;
	*result = INPUT_BYTES;
	while (sent && *result == INPUT_BYTES && !has_come(c, look))
		*result = client_misses_lot(c) ? wait_without_lot(c)
					       : input_linger(&c->in, deadline);
	end_wait(c, state);
	return sent;
}

bool
request_content_is_better_collected(struct client *c, size_t head)
{
	size_t wanted = head + (size_t)c->body.left;
	enum input_result result;
	struct collect look;

	if (!is_collectable(c))
		return false;
	collect_start(
	    &look, c->body.chunked, wanted, c->service.config->body_buffer);
	if (has_come(c, &look))
		return false;
	if (!wait_briefly(c, &look, &result))
		return c->out.deferring;
	if (result != INPUT_TIMEOUT || !client_may_park(c))
		return false;
	c->wanted = wanted;
	return true;
}

/* The next bytes of content, at most size; a view into the input. */
static bool
next_bytes(struct client *c, size_t size, struct text *content)
{
	for (;;) {
		struct text seen = input_text(&c->in);
		size_t len = seen.len;
		size_t used;

		if (c->body.state == BODY_DATA && len > size)
			len = size;
		used = body_take(&c->body, seen.at, len, content);
		input_take(&c->in, used);
		if (content->len > 0 || c->body.state == BODY_COMPLETE)
			return true;
		if (c->body.state == BODY_REFUSED) {
			c->failure = c->body.status;
			return false;
		}
		if (used == 0 && !wait_for_bytes(c))
			return false;
	}
}

ssize_t
request_content_read(void *context, char *to, size_t size)
{
	struct client *c = context;
	struct text content;

	if (c->failure != 0 || !next_bytes(c, size, &content))
		return -1;
	memcpy(to, content.at, content.len);
	return (ssize_t)content.len;
}

bool
request_content_is_too_much(const struct client *c)
{
	/* It was not asked for, and may or may not come. */
	if (c->request.expects_continue && !c->continued &&
	    c->body.state != BODY_COMPLETE)
		return true;
	return c->body.state == BODY_REFUSED || c->failure != 0 ||
	    (!c->body.chunked && c->body.left > REQUEST_CONTENT_DRAIN_MAX);
}

/* Once all that is ready has been sent. */
static bool
has_more(struct client *c, int64_t deadline)
{
	enum score_state state = begin_wait(c);
	bool more = accounting_flush(c) == 0 &&
	    input_linger(&c->in, deadline) == INPUT_BYTES;

	end_wait(c, state);
	return more;
}

bool
request_content_comes_soon(struct client *c)
{
	int64_t deadline = clock_now() + c->service.config->linger;
	size_t dropped = 0;
	struct text content;

	while (c->body.state != BODY_COMPLETE) {
		struct text seen = input_text(&c->in);
		size_t used = body_take(&c->body, seen.at, seen.len, &content);

		input_take(&c->in, used);
		dropped += content.len;
		if (c->body.state == BODY_REFUSED ||
		    dropped > REQUEST_CONTENT_DRAIN_MAX)
			return false;
		if (used == 0 && !has_more(c, deadline))
			return false;
	}
	return true;
}

bool
request_content_drain(struct client *c)
{
	size_t dropped = 0;
	struct text content;

	while (c->body.state != BODY_COMPLETE) {
		if (dropped > REQUEST_CONTENT_DRAIN_MAX || c->failure != 0 ||
		    !next_bytes(c, REQUEST_CONTENT_DRAIN_MAX, &content))
			return false;
		dropped += content.len;
	}
	return true;
}
