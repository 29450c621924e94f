#include "base/clock.h"
#include "base/log.h"
#include "connection/accounting.h"
#include "connection/stalls.h"

/* All that wait have gone at the same time, which is returned. */
static int64_t
add_latencies(struct connection *c)
{
	const int64_t now = clock_now();

	for (size_t i = 0; i < c->unaccounted_count; i++)
		score_add_latency(c->service->score, now - c->unaccounted[i]);
	c->unaccounted_count = 0;
	return now;
}

void
accounting_answer(struct tined_exchange *x)
{
	struct connection *c = x->connection;
	struct score *score = c->service->score;

	score_add(score, COUNT_REQUESTS, 1);
	score_add_status(score, x->response.status);
	if (x->arrival.continue_sent) /* the interim response is one, too */
		score_add(score, COUNT_RESPONSES, 1);
	score_add(score, COUNT_RECEIVED, x->body.total);
	if (c->requests > 0)
		score_add(score, COUNT_REUSED, 1);
	if (x->arrival.queue_timed_out)
		score_add(score, COUNT_QUEUE_TIMEOUTS, 1);
	if (c->unaccounted_count == CONNECTION_UNACCOUNTED_MAX)
		(void)add_latencies(c);
	c->unaccounted[c->unaccounted_count++] =
	    x->arrival.ready_since != 0 ? x->arrival.ready_since : x->began;
}

int64_t
accounting_sent(struct connection *c)
{
	uint64_t bytes = c->out.sent - c->accounted_bytes;
	int64_t now = 0;

	if (c->out.failed && c->unaccounted_count > 0)
		score_add(c->service->score, COUNT_ABORTED, 1);
	/* One send for what fits into one; a longer stream takes several. */
	if (c->out.sends > 1 && bytes <= RESPONSE_STREAM_MAX)
		score_add(c->service->score, COUNT_SPLIT, 1);
	c->out.sends = 0;
	c->accounted_bytes = c->out.sent;
	score_add(c->service->score, COUNT_SENT, bytes);
	if (c->unaccounted_count > 0) {
		now = add_latencies(c);
		if (!c->out.failed)
			stalls_handed(c, now);
	}
	return now;
}

int
accounting_flush(struct connection *c)
{
	int result = output_flush(&c->out);

	(void)accounting_sent(c);
	return result;
}

/* The access log has its line since the response was deferred. */
static int
judge_deferred(struct connection *c, int result)
{
	if (result != -1) {
		if (!c->out.deferring)
			stalls_handed_rest(c);
		return result;
	}
	if (c->out.deferred_error == DEFERRED_FILE_ENDED)
		deferred_log_file_ended(c->out.deferred, c->peer.name);
	log_info("%s did not take %llu bytes of a response", c->peer.name,
	    (unsigned long long)deferred_length(c->out.deferred));
	score_add(c->service->score, COUNT_ABORTED, 1);
	return -1;
}

int
accounting_resume(struct connection *c)
{
	score_enter(c->service->score, SCORE_WRITING);
	return judge_deferred(c, output_resume(&c->out));
}

int
accounting_send_deferred(struct connection *c, int64_t until)
{
	score_enter(c->service->score, SCORE_WRITING);
	return judge_deferred(c, output_send_deferred(&c->out, until));
}
