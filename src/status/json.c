#include <inttypes.h>

#include "base/clock.h"
#include "base/escape.h"
#include "status/format.h"
#include "status/table.h"

/* The longest that an escaped string can be. */
#define STRING_MAX (SCORE_REQUEST_MAX * sizeof("\\uhhhh"))

/* A comma, unless the next element is the first in its object or array. */
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
status_json_add_number(struct buffer *b, const char *name, uint64_t n)
{
	key(b, name);
	buffer_add_number(b, n);
}

static void
add_seconds(struct buffer *b, const char *name, uint64_t nanoseconds)
{
	key(b, name);
	status_add_seconds(b, nanoseconds);
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
status_json_add_rows(
    struct buffer *b, const struct status_snapshot *s, const char *section)
{
	const struct status_row *row = NULL;

	while ((row = status_next_row(row, s, FORM_JSON, section)) != NULL) {
		key(b, status_row_name(row, FORM_JSON));
		status_add_number(b, row, s);
	}
}

static void
add_object(struct buffer *b, const struct status_snapshot *s, const char *name)
{
	key(b, name);
	buffer_add_char(b, '{');
	status_json_add_rows(b, s, name);
	buffer_add_char(b, '}');
}

static void
status_json_add_server(struct buffer *b, const struct status_snapshot *s)
{
	add_string(b, "version", s->version);
	status_json_add_number(b, "master", (uint64_t)s->master);
	status_json_add_number(b, "time", (uint64_t)s->time);
	add_seconds(b, "uptime", (uint64_t)s->uptime);
	key(b, "stopping");
	buffer_add_string(b, s->stopping ? "true" : "false");
}

/* Cumulative buckets, as in Prometheus; count includes the unbounded last. */
static void
status_json_add_histogram(struct buffer *b, const char *name,
    const uint64_t counts[HISTOGRAM_BUCKETS], uint64_t sum)
{
	uint64_t below = 0;

	key(b, name);
	buffer_add_char(b, '{');
	status_json_add_number(b, "count", histogram_count(counts));
	add_seconds(b, "sum", sum);
	key(b, "buckets");
	buffer_add_char(b, '[');
	for (size_t i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
		below += counts[i];
		next(b);
		buffer_printf(b, "{\"le\":%g,\"count\":%" PRIu64 "}",
		    (double)histogram_bound(i) / CLOCK_SECOND, below);
	}
	buffer_add_string(b, "]}");
}

static void
status_json_add_stalls(struct buffer *b, const struct status_snapshot *s)
{
	key(b, "stall_seconds");
	buffer_add_char(b, '{');
	for (int i = 0; i < STALL_CAUSES; i++)
		status_json_add_histogram(b, stall_name((enum stall_cause)i),
		    s->stalls[i], s->stall_time[i]);
	buffer_add_char(b, '}');
}

static void
status_json_add_listeners(struct buffer *b, const struct status_snapshot *s)
{
	key(b, "listeners");
	buffer_add_char(b, '[');
	for (size_t i = 0; i < s->listener_count; i++) {
		const struct status_listener *l = &s->listeners[i];

		next(b);
		buffer_add_char(b, '{');
		add_string(b, "url", l->url);
		if (l->known) {
			status_json_add_number(
			    b, "waiting", l->backlog.waiting);
			status_json_add_number(b, "room", l->backlog.room);
		}
		buffer_add_char(b, '}');
	}
	buffer_add_char(b, ']');
	status_json_add_rows(b, s, "");
}

static void
status_json_add_worker(struct buffer *b, const struct status_worker *w)
{
	next(b);
	buffer_add_char(b, '{');
	status_json_add_number(b, "worker", w->number);
	status_json_add_number(b, "pid", (uint64_t)w->score.pid);
	add_string(b, "state", score_state_name(w->score.state));
	add_seconds(b, "since", (uint64_t)w->age);
	status_json_add_number(b, "requests", w->score.requests);
	status_json_add_number(b, "bytes", w->score.bytes);
	if (status_is_busy(w->score.state)) {
		add_string(b, "client", w->score.client);
		add_string(b, "request", w->score.request);
	}
	buffer_add_char(b, '}');
}

void
status_add_json(struct buffer *b, const struct status_snapshot *s)
{
	static const char *const objects[] = {"workers", "seconds", "processes",
	    "requests", "responses", "stalls", "bytes", "connections"};

	buffer_add_char(b, '{');
	status_json_add_server(b, s);
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++)
		add_object(b, s, objects[i]);
	status_json_add_histogram(
	    b, "latency", s->latency, s->counts[COUNT_LATENCY]);
	status_json_add_stalls(b, s);
	if (s->has_lot)
		add_object(b, s, "lot");
	else
		buffer_add_string(b, ",\"lot\":null");
	status_json_add_listeners(b, s);
	key(b, "pool");
	buffer_add_char(b, '[');
	for (size_t i = 0; i < s->worker_count; i++)
		status_json_add_worker(b, &s->workers[i]);
	buffer_add_string(b, "]}\n");
}
