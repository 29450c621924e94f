#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"
#include "status/format.h"
#include "status/table.h"

#define LABEL_MAX 512U
#define TOTAL "_total"
#define LATENCY "request_duration_seconds"
#define STALL "stall_duration_seconds"

/*
 * The name may have labels behind it, which do not belong here.  In OpenMetrics
 * the family of a counter has no "_total".
 */
static void
status_metrics_begin(struct buffer *b, enum status_form form, const char *name,
    const char *type, const char *help)
{
	int len = (int)strcspn(name, "{");

	if (form == FORM_OPEN_METRICS && strcmp(type, "counter") == 0)
		len -= (int)strlen(TOTAL);
	buffer_printf(b, "# HELP tined_%.*s %s\n# TYPE tined_%.*s %s\n", len,
	    name, help, len, name, type);
}

/* The value is escaped twice: as plain text, and as a label. */
static void
add_labelled(struct buffer *b, const char *name, const char *label,
    const char *value, uint64_t n)
{
	struct buffer plain = {0};

	escape_log(&plain, text_of(value), LABEL_MAX);
	buffer_printf(b, "tined_%s{%s=\"", name, label);
	escape_log_quoted(b, buffer_text(&plain), (size_t)2 * LABEL_MAX);
	buffer_printf(b, "\"} %" PRIu64 "\n", n);
	buffer_free(&plain);
}

static void
status_metrics_add_server(
    struct buffer *b, const struct status_snapshot *s, enum status_form form)
{
	uint64_t now = (uint64_t)s->time * CLOCK_SECOND;

	status_metrics_begin(
	    b, form, "build_info", "gauge", "The version, as a label.");
	add_labelled(b, "build_info", "version", s->version, 1);
	status_metrics_begin(b, form, "start_time_seconds", "gauge",
	    "When the server started, in seconds since 1970.");
	buffer_add_string(b, "tined_start_time_seconds ");
	status_add_seconds(b, now - (uint64_t)s->uptime);
	buffer_add_char(b, '\n');
	status_metrics_begin(
	    b, form, "stopping", "gauge", "1 during a graceful stop.");
	buffer_printf(b, "tined_stopping %d\n", s->stopping);
}

static void
status_metrics_add_rows(
    struct buffer *b, const struct status_snapshot *s, enum status_form form)
{
	const struct status_row *row = NULL;

	while ((row = status_next_row(row, s, FORM_METRICS, NULL)) != NULL) {
		const char *name = row->shown[FORM_METRICS];
		bool counts = strstr(name, TOTAL) != NULL;

		if (row->help != NULL)
			status_metrics_begin(b, form, name,
			    counts ? "counter" : "gauge", row->help);
		buffer_printf(b, "tined_%s ", name);
		status_add_number(b, row, s);
		buffer_add_char(b, '\n');
	}
}

/* cause: NULL, or the value of that label. */
static void
add_histogram(struct buffer *b, const char *name, const char *cause,
    const uint64_t counts[HISTOGRAM_BUCKETS], uint64_t sum)
{
	struct buffer label = {0};
	const char *comma = cause != NULL ? "," : "";
	uint64_t below = 0;

	if (cause != NULL)
		buffer_printf(&label, "cause=\"%s\"", cause);
	for (size_t i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
		below += counts[i];
		buffer_printf(b, "tined_%s_bucket{%s%sle=\"%g\"} %" PRIu64 "\n",
		    name, buffer_string(&label), comma,
		    (double)histogram_bound(i) / CLOCK_SECOND, below);
	}
	below = histogram_count(counts);
	buffer_printf(b, "tined_%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name,
	    buffer_string(&label), comma, below);
	buffer_clear(&label);
	if (cause != NULL)
		buffer_printf(&label, "{cause=\"%s\"}", cause);
	buffer_printf(b, "tined_%s_sum%s ", name, buffer_string(&label));
	status_add_seconds(b, sum);
	buffer_printf(b, "\ntined_%s_count%s %" PRIu64 "\n", name,
	    buffer_string(&label), below);
	buffer_free(&label);
}

static void
status_metrics_add_latency(
    struct buffer *b, const struct status_snapshot *s, enum status_form form)
{
	status_metrics_begin(b, form, LATENCY, "histogram",
	    "Seconds from the head of a request until the kernel had the "
	    "response.");
	add_histogram(b, LATENCY, NULL, s->latency, s->counts[COUNT_LATENCY]);
}

static void
status_metrics_add_stalls(
    struct buffer *b, const struct status_snapshot *s, enum status_form form)
{
	status_metrics_begin(b, form, STALL, "histogram",
	    "Seconds for which the end of a response waited in the kernel.");
	for (int i = 0; i < STALL_CAUSES; i++)
		add_histogram(b, STALL, stall_name((enum stall_cause)i),
		    s->stalls[i], s->stall_time[i]);
}

/* The kernel knows the queues of TCP listeners only. */
static void
status_metrics_add_listeners(
    struct buffer *b, const struct status_snapshot *s, enum status_form form)
{
	const struct status_listener *l = s->listeners;
	const struct status_listener *end = l + s->listener_count;

	status_metrics_begin(b, form, "listen_queue", "gauge",
	    "Connections that no process has accepted yet.");
	for (; l < end; l++)
		if (l->known)
			add_labelled(b, "listen_queue", "listener", l->url,
			    l->backlog.waiting);
	status_metrics_begin(b, form, "listen_queue_max", "gauge",
	    "The kernel's limit for these connections.");
	for (l = s->listeners; l < end; l++)
		if (l->known)
			add_labelled(b, "listen_queue_max", "listener", l->url,
			    l->backlog.room);
}

void
status_add_metrics(
    struct buffer *b, const struct status_snapshot *s, enum status_form form)
{
	status_metrics_add_server(b, s, form);
	status_metrics_add_rows(b, s, form);
	status_metrics_add_latency(b, s, form);
	status_metrics_add_stalls(b, s, form);
	status_metrics_add_listeners(b, s, form);
	if (form == FORM_OPEN_METRICS)
		buffer_add_string(b, "# EOF\n");
}
