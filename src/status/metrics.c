#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"
#include "status/metrics.h"

#define LABEL_MAX 512U

/* What is written, and how: the two formats differ in the names of counters. */
struct metrics {
	struct buffer *out;
	const struct status_snapshot *s;
	enum metrics_format format;
};

/* Counters that are one number each. */
static const struct {
	enum score_count count;
	const char *name;
	const char *help;
} counters[] = {
    {COUNT_REQUESTS, "requests", "Requests that were answered."},
    {COUNT_REUSED, "requests_reused",
	"Requests that were not the first on their connection."},
    {COUNT_HANDED, "handoffs", "Connections that the lot handed to a worker."},
    {COUNT_SENT, "sent_bytes", "Bytes sent to clients, heads included."},
    {COUNT_RECEIVED, "received_content_bytes",
	"Bytes of the content of requests."},
    {COUNT_ABORTED, "responses_aborted",
	"Responses that were cut off: the client left, or took too long."},
    {COUNT_QUEUE_TIMEOUTS, "queue_timeouts",
	"Requests answered 503 for they had waited past --queue-timeout."},
    {COUNT_SPLIT, "responses_split",
	"Responses that took several sends, though they fit into one."},
    {COUNT_STALLS, "stalls",
	"Of those, the ones whose end the kernel held back for an "
	"acknowledgement."},
};

static const struct {
	enum score_event event;
	const char *name;
	const char *help;
} events[] = {
    {EVENT_STARTED, "workers_started", "Workers that were started."},
    {EVENT_CRASHED, "workers_crashed", "Workers that failed by themselves."},
    {EVENT_KILLED, "workers_killed", "Workers that were killed from outside."},
    {EVENT_TIMED_OUT, "workers_timed_out",
	"Workers that hung, and were ended for it."},
    {EVENT_RECYCLED, "workers_recycled",
	"Workers that had served, or grown, enough."},
    {EVENT_RETIRED, "workers_retired", "Workers that were not needed."},
    {EVENT_RELOADS, "reloads", "Reloads of the configuration."},
    {EVENT_LOTS, "lot_starts", "Lots that were started."},
};

static void
begin(const struct metrics *m, const char *name, const char *type,
    const char *help)
{
	bool total = m->format == METRICS_PLAIN && strcmp(type, "counter") == 0;
	const char *suffix = total ? "_total" : "";

	buffer_printf(m->out, "# HELP tined_%s%s %s\n# TYPE tined_%s%s %s\n",
	    name, suffix, help, name, suffix, type);
}

/* A value is escaped twice: to be plain text, and to be a label. */
static void
add_label(struct buffer *b, const char *name, const char *value)
{
	struct buffer plain = {0};

	escape_log(&plain, text_of(value), LABEL_MAX);
	buffer_printf(b, "{%s=\"", name);
	escape_log_quoted(b, buffer_text(&plain), (size_t)2 * LABEL_MAX);
	buffer_add_string(b, "\"}");
	buffer_free(&plain);
}

/* label may be NULL. */
static void
add_number(const struct metrics *m, const char *name, const char *label,
    const char *value, uint64_t n)
{
	buffer_printf(m->out, "tined_%s", name);
	if (label != NULL)
		add_label(m->out, label, value);
	buffer_printf(m->out, " %" PRIu64 "\n", n);
}

/* To the microsecond, whatever the locale. */
static void
add_seconds(struct buffer *b, uint64_t nanoseconds)
{
	buffer_printf(b, "%" PRIu64 ".%06" PRIu64, nanoseconds / CLOCK_SECOND,
	    nanoseconds % CLOCK_SECOND / 1000);
}

static void
add_gauge(
    const struct metrics *m, const char *name, const char *help, uint64_t n)
{
	begin(m, name, "gauge", help);
	add_number(m, name, NULL, NULL, n);
}

static void
add_counter(
    const struct metrics *m, const char *name, const char *help, uint64_t n)
{
	begin(m, name, "counter", help);
	buffer_printf(m->out, "tined_%s_total %" PRIu64 "\n", name, n);
}

static void
add_server(const struct metrics *m)
{
	uint64_t now = (uint64_t)m->s->time * CLOCK_SECOND;

	begin(m, "build_info", "gauge", "The version, as a label.");
	add_number(m, "build_info", "version", m->s->version, 1);
	begin(m, "start_time_seconds", "gauge",
	    "When the server started, in seconds since 1970.");
	buffer_add_string(m->out, "tined_start_time_seconds ");
	add_seconds(m->out, now - (uint64_t)m->s->uptime);
	buffer_add_char(m->out, '\n');
	add_gauge(m, "stopping", "1 while the server stops gracefully.",
	    m->s->stopping);
}

static void
add_workers(const struct metrics *m)
{
	begin(m, "workers", "gauge", "Workers in each state.");
	for (int i = SCORE_STARTING; i < SCORE_STATES; i++)
		add_number(m, "workers", "state",
		    score_state_name((enum score_state)i), m->s->by_state[i]);
	begin(m, "worker_seconds", "counter",
	    "Seconds that workers have spent in each state.");
	for (int i = SCORE_STARTING; i < SCORE_STATES; i++) {
		buffer_add_string(m->out, "tined_worker_seconds_total");
		add_label(
		    m->out, "state", score_state_name((enum score_state)i));
		buffer_add_char(m->out, ' ');
		add_seconds(m->out, m->s->spent[i]);
		buffer_add_char(m->out, '\n');
	}
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		add_counter(m, events[i].name, events[i].help,
		    m->s->events[events[i].event]);
}

static void
add_traffic(const struct metrics *m)
{
	static const char *const classes[] = {
	    "1xx", "2xx", "3xx", "4xx", "5xx"};

	begin(m, "connections", "counter", "Connections that were accepted.");
	add_number(m, "connections_total", "by", "worker",
	    m->s->counts[COUNT_CONNECTIONS]);
	add_number(m, "connections_total", "by", "lot", m->s->lot.accepted);
	begin(m, "responses", "counter", "Responses, by class of status.");
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		add_number(m, "responses_total", "class", classes[i],
		    m->s->counts[COUNT_RESPONSES + i]);
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		add_counter(m, counters[i].name, counters[i].help,
		    m->s->counts[counters[i].count]);
}

static void
add_latency(const struct metrics *m)
{
	uint64_t below = 0;

	begin(m, "request_duration_seconds", "histogram",
	    "From a request's head until its response was with the kernel.");
	for (size_t i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
		below += m->s->latency[i];
		buffer_printf(m->out,
		    "tined_request_duration_seconds_bucket{le=\"%g\"} "
		    "%" PRIu64 "\n",
		    (double)histogram_bound(i) / CLOCK_SECOND, below);
	}
	below = status_timed(m->s);
	buffer_printf(m->out,
	    "tined_request_duration_seconds_bucket{le=\"+Inf\"} %" PRIu64
	    "\ntined_request_duration_seconds_sum ",
	    below);
	add_seconds(m->out, m->s->counts[COUNT_LATENCY]);
	buffer_printf(m->out,
	    "\ntined_request_duration_seconds_count %" PRIu64 "\n", below);
}

static void
add_lot(const struct metrics *m)
{
	begin(m, "lot_connections", "gauge",
	    "Connections in the lot, by what they wait for.");
	for (int i = 0; i < SCORE_WAITS; i++)
		add_number(m, "lot_connections", "waiting_for",
		    score_wait_name((enum score_wait)i), m->s->lot.waiting[i]);
	add_gauge(m, "lot_connections_peak",
	    "The most connections that were in the lot.", m->s->lot.peak);
	add_gauge(m, "lot_connections_max",
	    "The connections that the lot has room for.", m->s->lot.room);
	add_gauge(m, "lot_deferred_bytes",
	    "Bytes of responses that wait in the lot for their clients.",
	    m->s->lot.deferred);
	add_counter(m, "lot_evicted",
	    "Connections closed to make room in the lot.", m->s->lot.evicted);
}

/* One metric of each listener for which the kernel tells. */
static void
add_backlogs(const struct metrics *m, const char *name, size_t member)
{
	for (size_t i = 0; i < m->s->listener_count; i++) {
		const struct status_listener *l = &m->s->listeners[i];
		const char *field = (const char *)&l->backlog + member;

		if (l->known)
			add_number(m, name, "listener", l->url,
			    *(const uint64_t *)(const void *)field);
	}
}

static void
add_listeners(const struct metrics *m)
{
	begin(m, "listen_queue", "gauge",
	    "Connections that the kernel has, and nobody has accepted.");
	add_backlogs(m, "listen_queue", offsetof(struct backlog, waiting));
	begin(m, "listen_queue_max", "gauge", "The room for those.");
	add_backlogs(m, "listen_queue_max", offsetof(struct backlog, room));
	if (m->s->knows_overflows)
		add_counter(m, "listen_overflows",
		    "Clients that the kernel turned away for want of room, "
		    "at any server of this machine.",
		    m->s->overflows);
}

const char *
status_metrics_type(enum metrics_format format)
{
	return format == METRICS_OPEN
	    ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
	    : "text/plain; version=0.0.4; charset=utf-8";
}

void
status_add_metrics(struct buffer *b, const struct status_snapshot *s,
    enum metrics_format format)
{
	const struct metrics m = {.out = b, .s = s, .format = format};

	add_server(&m);
	add_workers(&m);
	add_traffic(&m);
	add_latency(&m);
	if (s->has_lot)
		add_lot(&m);
	add_listeners(&m);
	if (format == METRICS_OPEN)
		buffer_add_string(b, "# EOF\n");
}
