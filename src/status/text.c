#include <inttypes.h>

#include "base/escape.h"
#include "status/format.h"
#include "status/text.h"

#define REQUEST_MAX 70	/* behind its indentation, in 80 columns */
#define CLIENT_MAX 39	/* the longest IPv6 address */
#define GRID_COLUMNS 64 /* workers in a line */
#define WORKERS_MAX 40	/* that are told of one by one */

/* "Requests       ": 13 columns and two for space. */
static void
label(struct buffer *b, const char *name)
{
	buffer_printf(b, "%-13s  ", name);
}

/* ", name 3", and no comma before the first. */
static void
add_named(struct buffer *b, bool first, const char *name, uint64_t n)
{
	buffer_printf(b, "%s%s %" PRIu64, first ? "" : ", ", name, n);
}

static void
add_head(struct buffer *b, const struct status_snapshot *s)
{
	buffer_printf(
	    b, "tined %s, master %d, up ", s->version, (int)s->master);
	status_add_time(b, s->uptime);
	buffer_add_string(b, s->stopping ? ", stopping\n\n" : "\n\n");
}

static void
add_workers(struct buffer *b, const struct status_snapshot *s)
{
	bool first = true;

	label(b, "Workers");
	buffer_printf(b, "%zu: ", s->worker_count);
	for (int i = SCORE_STARTING; i < SCORE_STATES; i++) {
		if (s->by_state[i] == 0)
			continue;
		add_named(b, first, score_state_name((enum score_state)i),
		    s->by_state[i]);
		first = false;
	}
	buffer_add_char(b, '\n');
}

static void
add_requests(struct buffer *b, const struct status_snapshot *s)
{
	const uint64_t *n = s->counts;

	label(b, "Requests");
	buffer_printf(b, "%" PRIu64 ": ", n[COUNT_REQUESTS]);
	status_add_rate(b, s, n[COUNT_REQUESTS]);
	buffer_printf(b, " a second, on reused connections %" PRIu64 "\n",
	    n[COUNT_REUSED]);
	label(b, "Responses");
	for (int i = 0; i < 5; i++)
		buffer_printf(b, "%s%dxx %" PRIu64, i > 0 ? ", " : "", i + 1,
		    n[COUNT_RESPONSES + i]);
	buffer_add_char(b, '\n');
	label(b, "Trouble");
	add_named(b, true, "aborted", n[COUNT_ABORTED]);
	add_named(b, false, "queue_timeouts", n[COUNT_QUEUE_TIMEOUTS]);
	add_named(b, false, "split", n[COUNT_SPLIT]);
	add_named(b, false, "stalls", n[COUNT_STALLS]);
	buffer_add_char(b, '\n');
}

static void
add_traffic(struct buffer *b, const struct status_snapshot *s)
{
	static const unsigned quantiles[] = {500, 900, 990, 999};

	label(b, "Bytes");
	add_named(b, true, "sent", s->counts[COUNT_SENT]);
	add_named(b, false, "content received", s->counts[COUNT_RECEIVED]);
	buffer_add_char(b, '\n');
	label(b, "Connections");
	add_named(b, true, "accepted by workers", s->counts[COUNT_CONNECTIONS]);
	add_named(b, false, "by the lot", s->lot.accepted);
	add_named(b, false, "handed over", s->counts[COUNT_HANDED]);
	buffer_add_char(b, '\n');
	label(b, "Latency");
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
		buffer_printf(
		    b, "%s%g %% ", i > 0 ? ", " : "", quantiles[i] / 10.0);
		status_add_bound(
		    b, histogram_quantile(s->latency, quantiles[i]));
	}
	buffer_add_char(b, '\n');
}

static void
add_processes(struct buffer *b, const struct status_snapshot *s)
{
	label(b, "Processes");
	for (int i = 0; i < SCORE_EVENTS; i++) {
		if (i == EVENT_RECYCLED) {
			buffer_add_char(b, '\n');
			label(b, "");
		}
		add_named(b, i == 0 || i == EVENT_RECYCLED,
		    status_event_name((enum score_event)i), s->events[i]);
	}
	buffer_add_char(b, '\n');
}

static void
add_lot(struct buffer *b, const struct status_snapshot *s)
{
	label(b, "Lot");
	buffer_printf(b, "%" PRIu64 ": ", s->lot.all);
	for (int i = 0; i < SCORE_WAITS; i++)
		add_named(b, i == 0, score_wait_name((enum score_wait)i),
		    s->lot.waiting[i]);
	buffer_add_char(b, '\n');
	label(b, "");
	add_named(b, true, "peak", s->lot.peak);
	add_named(b, false, "room", s->lot.room);
	add_named(b, false, "evicted", s->lot.evicted);
	add_named(b, false, "deferred bytes", s->lot.deferred);
	buffer_add_char(b, '\n');
}

static void
add_listeners(struct buffer *b, const struct status_snapshot *s)
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
add_grid(struct buffer *b, const struct status_snapshot *s)
{
	buffer_add_string(b,
	    "\n_ idle, S starting, R reading, X running, W writing, "
	    "L lingering, G stopping\n");
	for (size_t i = 0; i < s->worker_count; i++) {
		if (i % GRID_COLUMNS == 0)
			buffer_add_char(b, '\n');
		buffer_add_char(b, status_letter(s->workers[i].score.state));
	}
	buffer_add_char(b, '\n');
}

static void
add_worker(struct buffer *b, const struct status_worker *w)
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

/* Idle workers have nothing to tell. */
static void
add_busy(struct buffer *b, const struct status_snapshot *s)
{
	size_t busy = status_busy(s);
	size_t told = 0;

	if (busy > 0)
		buffer_add_string(b,
		    "\n    #     PID State        For Requests  Client, request\n");
	for (size_t i = 0; i < s->worker_count && told < WORKERS_MAX; i++) {
		if (!status_is_busy(s->workers[i].score.state))
			continue;
		add_worker(b, &s->workers[i]);
		told++;
	}
	if (told < busy)
		buffer_printf(b, "   and %zu more\n", busy - told);
}

void
status_add_text(struct buffer *b, const struct status_snapshot *s)
{
	add_head(b, s);
	add_workers(b, s);
	add_requests(b, s);
	add_traffic(b, s);
	add_processes(b, s);
	if (s->has_lot)
		add_lot(b, s);
	add_listeners(b, s);
	add_grid(b, s);
	add_busy(b, s);
}
