#include <inttypes.h>
#include <stdarg.h>

#include "base/clock.h"
#include "base/escape.h"
#include "status/json.h"

/* What an escaped string may become. */
#define STRING_MAX (SCORE_REQUEST_MAX * sizeof("\\uhhhh"))

/* A comma, unless it is the first in its object or array. */
static void
next(struct buffer *b)
{
	char last = b->len > 0 ? b->data[b->len - 1] : '{';

	if (last != '{' && last != '[')
		buffer_add_char(b, ',');
}

static void
key(struct buffer *b, const char *name)
{
	next(b);
	buffer_printf(b, "\"%s\":", name);
}

static void
add_number(struct buffer *b, const char *name, uint64_t n)
{
	key(b, name);
	buffer_add_number(b, n);
}

static void
add_seconds(struct buffer *b, const char *name, int64_t nanoseconds)
{
	key(b, name);
	buffer_printf(b, "%lld.%06lld", (long long)(nanoseconds / CLOCK_SECOND),
	    (long long)(nanoseconds % CLOCK_SECOND / 1000));
}

static void
add_string(struct buffer *b, const char *name, const char *value)
{
	key(b, name);
	buffer_add_char(b, '"');
	escape_json(b, text_of(value), STRING_MAX);
	buffer_add_char(b, '"');
}

static void
add_bool(struct buffer *b, const char *name, bool value)
{
	key(b, name);
	buffer_add_string(b, value ? "true" : "false");
}

static void
open_object(struct buffer *b, const char *name)
{
	key(b, name);
	buffer_add_char(b, '{');
}

static void
add_server(struct buffer *b, const struct status_snapshot *s)
{
	add_string(b, "version", s->version);
	add_number(b, "master", (uint64_t)s->master);
	add_number(b, "time", (uint64_t)s->time);
	add_seconds(b, "uptime", s->uptime);
	add_bool(b, "stopping", s->stopping);
}

static void
add_pool(struct buffer *b, const struct status_snapshot *s)
{
	open_object(b, "workers");
	for (int i = SCORE_STARTING; i < SCORE_STATES; i++)
		add_number(
		    b, score_state_name((enum score_state)i), s->by_state[i]);
	buffer_add_char(b, '}');
	open_object(b, "seconds");
	for (int i = SCORE_STARTING; i < SCORE_STATES; i++)
		add_seconds(b, score_state_name((enum score_state)i),
		    (int64_t)s->spent[i]);
	buffer_add_char(b, '}');
	open_object(b, "processes");
	for (int i = 0; i < SCORE_EVENTS; i++)
		add_number(
		    b, status_event_name((enum score_event)i), s->events[i]);
	buffer_add_char(b, '}');
}

static void
add_requests(struct buffer *b, const struct status_snapshot *s)
{
	const uint64_t *n = s->counts;

	open_object(b, "requests");
	add_number(b, "all", n[COUNT_REQUESTS]);
	add_number(b, "reused", n[COUNT_REUSED]);
	add_number(b, "queue_timeouts", n[COUNT_QUEUE_TIMEOUTS]);
	buffer_add_char(b, '}');
	open_object(b, "responses");
	for (int i = 0; i < 5; i++) {
		const char name[] = {(char)('1' + i), 'x', 'x', '\0'};

		add_number(b, name, n[COUNT_RESPONSES + i]);
	}
	add_number(b, "aborted", n[COUNT_ABORTED]);
	add_number(b, "split", n[COUNT_SPLIT]);
	add_number(b, "stalls", n[COUNT_STALLS]);
	buffer_add_char(b, '}');
	open_object(b, "bytes");
	add_number(b, "sent", n[COUNT_SENT]);
	add_number(b, "content_received", n[COUNT_RECEIVED]);
	buffer_add_char(b, '}');
	open_object(b, "connections");
	add_number(b, "accepted_by_workers", n[COUNT_CONNECTIONS]);
	add_number(b, "accepted_by_lot", s->lot.accepted);
	add_number(b, "handed_over", n[COUNT_HANDED]);
	buffer_add_char(b, '}');
}

/* The buckets are cumulative, as Prometheus has them; the last is unbound. */
static void
add_latency(struct buffer *b, const struct status_snapshot *s)
{
	uint64_t below = 0;

	open_object(b, "latency");
	add_number(b, "count", status_timed(s));
	add_seconds(b, "sum", (int64_t)s->counts[COUNT_LATENCY]);
	key(b, "buckets");
	buffer_add_char(b, '[');
	for (size_t i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
		below += s->latency[i];
		next(b);
		buffer_printf(b, "{\"le\":%g,\"count\":%" PRIu64 "}",
		    (double)histogram_bound(i) / CLOCK_SECOND, below);
	}
	buffer_add_string(b, "]}");
}

static void
add_lot(struct buffer *b, const struct status_snapshot *s)
{
	if (!s->has_lot) {
		key(b, "lot");
		buffer_add_string(b, "null");
		return;
	}
	open_object(b, "lot");
	for (int i = 0; i < SCORE_WAITS; i++)
		add_number(
		    b, score_wait_name((enum score_wait)i), s->lot.waiting[i]);
	add_number(b, "all", s->lot.all);
	add_number(b, "peak", s->lot.peak);
	add_number(b, "room", s->lot.room);
	add_number(b, "evicted", s->lot.evicted);
	add_number(b, "deferred_bytes", s->lot.deferred);
	buffer_add_char(b, '}');
}

static void
add_listeners(struct buffer *b, const struct status_snapshot *s)
{
	key(b, "listeners");
	buffer_add_char(b, '[');
	for (size_t i = 0; i < s->listener_count; i++) {
		const struct status_listener *l = &s->listeners[i];

		next(b);
		buffer_add_char(b, '{');
		add_string(b, "url", l->url);
		if (l->known) {
			add_number(b, "waiting", l->backlog.waiting);
			add_number(b, "room", l->backlog.room);
		}
		buffer_add_char(b, '}');
	}
	buffer_add_char(b, ']');
	if (s->knows_overflows)
		add_number(b, "listen_overflows", s->overflows);
}

static void
add_worker(struct buffer *b, const struct status_worker *w)
{
	next(b);
	buffer_add_char(b, '{');
	add_number(b, "worker", w->number);
	add_number(b, "pid", (uint64_t)w->score.pid);
	add_string(b, "state", score_state_name(w->score.state));
	add_seconds(b, "since", w->age);
	add_number(b, "requests", w->score.requests);
	add_number(b, "bytes", w->score.bytes);
	if (status_is_busy(w->score.state)) {
		add_string(b, "client", w->score.client);
		add_string(b, "request", w->score.request);
	}
	buffer_add_char(b, '}');
}

void
status_add_json(struct buffer *b, const struct status_snapshot *s)
{
	buffer_add_char(b, '{');
	add_server(b, s);
	add_pool(b, s);
	add_requests(b, s);
	add_latency(b, s);
	add_lot(b, s);
	add_listeners(b, s);
	key(b, "pool");
	buffer_add_char(b, '[');
	for (size_t i = 0; i < s->worker_count; i++)
		add_worker(b, &s->workers[i]);
	buffer_add_string(b, "]}\n");
}
