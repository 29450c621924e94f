#include "base/clock.h"
#include "connection/accounting.h"

static void
count(struct client *c, enum score_count what, uint64_t n)
{
	score_add(c->service.score, what, n);
}

static void
count_status(struct client *c)
{
	score_add_status(c->service.score, c->response.status);
	if (c->continued)
		count(c, COUNT_RESPONSES, 1);
}

/* All that wait have gone at the same time. */
static void
tell_latencies(struct client *c)
{
	int64_t now;

	if (c->unaccounted_count == 0)
		return;
	now = clock_now();
	for (size_t i = 0; i < c->unaccounted_count; i++)
		score_add_latency(c->service.score, now - c->unaccounted[i]);
	c->unaccounted_count = 0;
}

void
accounting_answer(struct client *c)
{
	count(c, COUNT_REQUESTS, 1);
	count_status(c);
	count(c, COUNT_RECEIVED, c->body.total);
	if (c->requests > 0)
		count(c, COUNT_REUSED, 1);
	if (c->queue_timed_out)
		count(c, COUNT_QUEUE_TIMEOUTS, 1);
	if (c->unaccounted_count == CLIENT_UNACCOUNTED_MAX)
		tell_latencies(c);
	c->unaccounted[c->unaccounted_count++] =
	    c->ready != 0 ? c->ready : c->began;
	c->ready = 0;
}

/*
 * One send for what fits into one: anything else is what Nagle's algorithm
 * waits for.  Only then is it worth a system call to ask whether it does.
 */
static void
look_for_stall(struct client *c, uint64_t bytes)
{
	if (bytes <= RESPONSE_STREAM_MAX) /* a longer stream takes several */
		count(c, COUNT_SPLIT, 1);
	if (output_is_stalled(&c->out))
		count(c, COUNT_STALLS, 1);
}

void
accounting_sent(struct client *c)
{
	uint64_t bytes = c->out.sent - c->accounted_bytes;

	if (c->out.failed && c->unaccounted_count > 0)
		count(c, COUNT_ABORTED, 1);
	if (c->out.sends > 1)
		look_for_stall(c, bytes);
	c->out.sends = 0;
	c->accounted_bytes = c->out.sent;
	count(c, COUNT_SENT, bytes);
	tell_latencies(c);
}

int
accounting_flush(struct client *c)
{
	int result = output_flush(&c->out);

	accounting_sent(c);
	return result;
}
