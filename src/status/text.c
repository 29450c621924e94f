#include <inttypes.h>

#include "base/escape.h"
#include "status/format.h"
#include "status/table.h"

#define REQUEST_MAX 70	/* in 80 columns, after the indentation */
#define CLIENT_MAX 39	/* the longest IPv6 address */
#define GRID_COLUMNS 64 /* workers in a line */
#define WORKERS_MAX 40	/* listed one by one */

/* "Requests       ": 13 columns and two for space. */
static void
label(struct buffer *b, const char *name)
{
	buffer_printf(b, "%-13s  ", name);
}

/* "idle 3, running 1": the rows of a section, and the end of the line. */
static void
status_text_add_rows(struct buffer *b, const struct status_snapshot *s,
    const char *section, bool zeros)
{
	const struct status_row *row = NULL;
	const char *between = "";

	while ((row = status_next_row(row, s, FORM_TEXT, section)) != NULL) {
		uint64_t n = status_number(row, s);

		if (n == 0 && !zeros)
			continue;
		buffer_printf(b, "%s%s %" PRIu64, between,
		    status_row_name(row, FORM_TEXT), n);
		between = ", ";
	}
	buffer_add_char(b, '\n');
}

static void
text_add_line(
    struct buffer *b, const struct status_snapshot *s, const char *name)
{
	label(b, name);
	status_text_add_rows(b, s, name, true);
}

static void
text_add_head(struct buffer *b, const struct status_snapshot *s)
{
	buffer_printf(
	    b, "tined %s, master %d, up ", s->version, (int)s->master);
	status_add_time(b, s->uptime);
	buffer_add_string(b, s->stopping ? ", stopping\n\n" : "\n\n");
}

static void
add_workers(struct buffer *b, const struct status_snapshot *s)
{
	label(b, "Workers");
	buffer_printf(b, "%zu: ", s->worker_count);
	status_text_add_rows(b, s, "Workers", false);
}

static void
add_requests(struct buffer *b, const struct status_snapshot *s)
{
	label(b, "Requests");
	buffer_printf(b, "%" PRIu64 ": ", s->counts[COUNT_REQUESTS]);
	status_add_rate(b, s, s->counts[COUNT_REQUESTS]);
	buffer_printf(b, " a second, on reused connections %" PRIu64 "\n",
	    s->counts[COUNT_REUSED]);
}

static void
status_text_add_latency(struct buffer *b, const struct status_snapshot *s)
{
	static const unsigned quantiles[] = {500, 900, 990, 999};

	label(b, "Latency");
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
		buffer_printf(
		    b, "%s%g %% ", i > 0 ? ", " : "", quantiles[i] / 10.0);
		status_add_bound(
		    b, histogram_quantile(s->latency, quantiles[i]), "<= ");
	}
	buffer_add_char(b, '\n');
}

static void
add_processes(struct buffer *b, const struct status_snapshot *s)
{
	text_add_line(b, s, "Processes");
	label(b, "");
	status_text_add_rows(b, s, "Processes 2", true);
}

static void
add_lot(struct buffer *b, const struct status_snapshot *s)
{
	label(b, "Lot");
	buffer_printf(b, "%" PRIu64 ": ", s->lot.all);
	status_text_add_rows(b, s, "Lot", true);
	label(b, "");
	status_text_add_rows(b, s, "Lot 2", true);
}

static void
status_text_add_listeners(struct buffer *b, const struct status_snapshot *s)
{
	for (size_t i = 0; i < s->listener_count; i++) {
		const struct status_listener *l = &s->listeners[i];

		label(b, "Listener");
		escape_log(b, text_of(l->url), REQUEST_MAX);
		if (l->known)
			buffer_printf(b, ": waiting %" PRIu64 " of %" PRIu64,
			    l->backlog.waiting, l->backlog.room);
		buffer_add_char(b, '\n');
	}
	if (s->knows_overflows) {
		label(b, "Overflows");
		buffer_printf(
		    b, "%" PRIu64 ", of all servers here\n", s->overflows);
	}
}

static void
status_text_add_grid(struct buffer *b, const struct status_snapshot *s)
{
	buffer_add_string(b,
	    "\n_ idle, S starting, R reading, X running, W writing, "
	    "w waiting,\nL lingering, G stopping\n");
	for (size_t i = 0; i < s->worker_count; i++) {
		if (i % GRID_COLUMNS == 0)
			buffer_add_char(b, '\n');
		buffer_add_char(b, status_letter(s->workers[i].score.state));
	}
	buffer_add_char(b, '\n');
}

static void
status_text_add_worker(struct buffer *b, const struct status_worker *w)
{
	const struct score_reading *r = &w->score;
	struct buffer age = {0};

	status_add_time(&age, w->age);
	buffer_printf(b, "%5zu %7d %-9s %6s %8" PRIu64 "  ", w->number,
	    (int)r->pid, score_state_name(r->state), buffer_string(&age),
	    r->requests);
	escape_log(b, text_of(r->client), CLIENT_MAX);
	buffer_add_char(b, '\n');
	if (r->request[0] != '\0') {
		buffer_add_string(b, "      ");
		escape_log(b, text_of(r->request), REQUEST_MAX);
		buffer_add_char(b, '\n');
	}
	buffer_free(&age);
}

/* Lists busy workers only. */
static void
status_text_add_busy(struct buffer *b, const struct status_snapshot *s)
{
	uint64_t busy = status_busy(s);
	size_t told = 0;

	if (busy > 0)
		buffer_add_string(b,
		    "\n    #     PID State        For Requests  Client, request\n");
	for (size_t i = 0; i < s->worker_count && told < WORKERS_MAX; i++) {
		if (!status_is_busy(s->workers[i].score.state))
			continue;
		status_text_add_worker(b, &s->workers[i]);
		told++;
	}
	if (told < busy)
		buffer_printf(b, "   and %" PRIu64 " more\n", busy - told);
}

void
status_add_text(struct buffer *b, const struct status_snapshot *s)
{
	text_add_head(b, s);
	add_workers(b, s);
	add_requests(b, s);
	text_add_line(b, s, "Responses");
	text_add_line(b, s, "Trouble");
	text_add_line(b, s, "Stalls");
	text_add_line(b, s, "Bytes");
	text_add_line(b, s, "Connections");
	status_text_add_latency(b, s);
	add_processes(b, s);
	if (s->has_lot)
		add_lot(b, s);
	status_text_add_listeners(b, s);
	status_text_add_grid(b, s);
	status_text_add_busy(b, s);
}
