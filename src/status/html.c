#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/units.h"
#include "status/format.h"
#include "status/table.h"

#define ROWS_MAX 100 /* busy workers listed one by one */
#define WORD_MAX 2048
#define STALLS "Stalled responses"

/* With a new script or style, t/0900-status.t shows the new hashes. */
const char status_page_policy[] =
    "default-src 'none'; connect-src 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'; "
    "script-src 'sha256-LnOvwDZhLLxweKSqU5kF9ZW+srGZTzUhysiqo8g7MHk='; "
    "style-src 'sha256-RDj6jGsv+tB8j/fbo89gBUbkVUav0Zkv9zsy9k+NR+Q='";

static const char page_head[] =
    "<!doctype html>\n"
    "<html lang=\"en\">\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<meta name=\"robots\" content=\"noindex\">\n"
    "<noscript><meta http-equiv=\"refresh\" content=\"2\"></noscript>\n"
    "<title>tined status</title>\n";

static const char page_style[] =
    "<style>\n"
    ":root { color-scheme: light dark; --line: #8884; --soft: #8882; "
    "--idle: #0001; --reading: #f2b632; --running: #4f8ff0; "
    "--writing: #35b27a; --waiting: #4cc3c9; --lingering: #a67de0; --other: #9aa0a6; "
    "--bad: #d6453d }\n"
    "@media (prefers-color-scheme: dark) { :root { --idle: #fff1 } }\n"
    "body { font: 1rem/1.45 system-ui, sans-serif; margin: 0 auto; "
    "max-width: 64rem; padding: 1rem }\n"
    "h1 { font-size: 1.4rem; margin: 0 }\n"
    "h2 { font-size: 1rem; margin: 0 0 .4rem }\n"
    "header p, footer { font-size: .9rem; margin: .2rem 0 0; opacity: .7 }\n"
    "section { margin-top: 1.6rem }\n"
    ".tiles, .sets { display: grid; gap: .7rem; "
    "grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)) }\n"
    ".sets { gap: 1.6rem 2rem; "
    "grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)) }\n"
    ".tiles div { border: 1px solid var(--line); border-radius: .5rem; "
    "padding: .5rem .8rem }\n"
    ".tiles b { display: block; font-size: 1.35rem; "
    "font-variant-numeric: tabular-nums; white-space: nowrap }\n"
    ".tiles span { font-size: .85rem; opacity: .7 }\n"
    ".grid, .key { display: flex; flex-wrap: wrap; gap: .25rem }\n"
    ".key { font-size: .85rem; gap: .2rem 1rem; margin-top: .6rem }\n"
    ".key span { align-items: center; display: flex; gap: .35rem }\n"
    "i { background: var(--other); border-radius: .25rem; color: #000; "
    "flex: none; font: 600 .8rem/1.5rem ui-monospace, monospace; "
    "height: 1.5rem; text-align: center; width: 1.5rem }\n"
    ".idle { background: var(--idle); "
    "box-shadow: inset 0 0 0 1px var(--line); color: inherit }\n"
    ".reading { background: var(--reading) }\n"
    ".running { background: var(--running) }\n"
    ".writing { background: var(--writing) }\n"
    ".waiting { background: var(--waiting) }\n"
    ".lingering { background: var(--lingering) }\n"
    "table { border-collapse: collapse; font-size: .9rem; width: 100% }\n"
    "th, td { border-bottom: 1px solid var(--line); padding: .2rem 0 .2rem "
    "1rem; text-align: right; vertical-align: baseline }\n"
    "th { font-weight: normal; opacity: .7 }\n"
    "td { font-variant-numeric: tabular-nums; white-space: nowrap }\n"
    "td:first-child, th:first-child { padding-left: 0 }\n"
    ".sets :is(th, td):first-child, .busy :is(th, td) { text-align: left }\n"
    ".busy td:last-child { overflow-wrap: anywhere; white-space: normal; "
    "width: 99% }\n"
    ".url { overflow-wrap: anywhere; white-space: normal }\n"
    ".bar { width: 45% }\n"
    "svg { background: var(--soft); border-radius: 3px; display: block; "
    "height: .55rem; width: 100% }\n"
    "rect { fill: var(--running); height: 100% }\n"
    ".bad { color: var(--bad); font-weight: 600 }\n"
    ".lost main { opacity: .4 }\n"
    "#lost { display: none }\n"
    ".lost #lost { display: block }\n"
    "@media (max-width: 36rem) { .busy .less { display: none } "
    ".busy .less:first-child + * { padding-left: 0 } "
    "i { height: 1.3rem; line-height: 1.3rem; width: 1.3rem } }\n"
    "</style>\n";

/* At first the rate is the mean since the start, then that of 2 seconds. */
static const char page_script[] =
    "<script>\n"
    "let last;\n"
    "function showRate(main) {\n"
    "	const n = +main.dataset.requests, t = +main.dataset.uptime;\n"
    "	if (last && t > last.t) {\n"
    "		const rate = (n - last.n) / (t - last.t);\n"
    "		main.querySelector('#rate').textContent =\n"
    "		    rate.toFixed(rate < 10 ? 1 : 0);\n"
    "	}\n"
    "	last = { n, t };\n"
    "}\n"
    "async function refresh() {\n"
    "	try {\n"
    "		const answer = await fetch(location.pathname, {\n"
    "			cache: 'no-store', headers: { Accept: 'text/html' }});\n"
    "		if (!answer.ok) throw answer.status;\n"
    "		const page = new DOMParser().parseFromString(\n"
    "		    await answer.text(), 'text/html');\n"
    "		const main = page.querySelector('main');\n"
    "		showRate(main);\n"
    "		document.querySelector('main').replaceWith(main);\n"
    "		document.body.className = '';\n"
    "	} catch {\n"
    "		document.body.className = 'lost';\n"
    "	}\n"
    "	setTimeout(refresh, 2000);\n"
    "}\n"
    "showRate(document.querySelector('main'));\n"
    "setTimeout(refresh, 2000);\n"
    "</script>\n";

/* Bytes from a client, readable and escaped. */
static void
add_word(struct buffer *b, const char *word)
{
	struct buffer plain = {0};

	escape_log(&plain, text_of(word), WORD_MAX);
	escape_html(b, buffer_text(&plain));
	buffer_free(&plain);
}

/* 1,234,567 */
static void
status_html_add_number(struct buffer *b, uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, n);

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			buffer_add_char(b, ',');
		buffer_add_char(b, digits[i]);
	}
}

static void
html_add_header(struct buffer *b, const struct status_snapshot *s)
{
	buffer_printf(b, "<header><h1>tined %s</h1>\n<p>master %d, up ",
	    s->version, (int)s->master);
	status_add_time(b, s->uptime);
	if (s->stopping)
		buffer_add_string(b, ", <b class=\"bad\">stopping</b>");
	buffer_add_string(b, "</p></header>\n");
}

static void
begin_tile(struct buffer *b, const char *id)
{
	buffer_printf(b, "<div><b id=\"%s\">", id);
}

static void
end_tile(struct buffer *b, const char *name)
{
	buffer_printf(b, "</b> <span>%s</span></div>\n", name);
}

static void
add_tile(struct buffer *b, const char *id, const char *name, uint64_t n)
{
	begin_tile(b, id);
	status_html_add_number(b, n);
	end_tile(b, name);
}

static void
add_tiles(struct buffer *b, const struct status_snapshot *s)
{
	buffer_add_string(b, "<section class=\"tiles\">\n");
	begin_tile(b, "rate");
	status_add_rate(b, s, s->counts[COUNT_REQUESTS]);
	end_tile(b, "requests/s");
	add_tile(b, "requests", "requests", s->counts[COUNT_REQUESTS]);
	begin_tile(b, "busy");
	buffer_printf(b, "%" PRIu64 " / %zu", status_busy(s), s->worker_count);
	end_tile(b, "workers busy");
	begin_tile(b, "p99");
	status_add_bound(b, histogram_quantile(s->latency, 990), "&le; ");
	end_tile(b, "99th percentile");
	if (s->has_lot)
		add_tile(b, "lot", "clients in the lot", s->lot.all);
	begin_tile(b, "sent");
	units_add_size(b, s->counts[COUNT_SENT]);
	end_tile(b, "sent");
	buffer_add_string(b, "</section>\n");
}

static void
add_cell(struct buffer *b, const struct status_worker *w)
{
	const struct score_reading *r = &w->score;
	const char *state = score_state_name(r->state);

	buffer_printf(b, "<i class=\"%s\" title=\"worker %zu[%d], %s for ",
	    state, w->number, (int)r->pid, state);
	status_add_time(b, w->age);
	buffer_printf(b, ", %" PRIu64 " requests", r->requests);
	if (status_is_busy(r->state)) {
		buffer_add_string(b, "&#10;");
		add_word(b, r->client);
		buffer_add_char(b, ' ');
		add_word(b, r->request);
	}
	buffer_printf(b, "\">%c</i>", status_letter(r->state));
}

static void
add_key(struct buffer *b, const struct status_snapshot *s)
{
	buffer_add_string(b, "</div>\n<div class=\"key\">");
	for (int i = SCORE_STARTING; i < SCORE_STATES; i++) {
		enum score_state state = (enum score_state)i;
		const char *name = score_state_name(state);

		buffer_printf(b,
		    "<span><i class=\"%s\">%c</i>%s <b>%" PRIu64 "</b></span>",
		    name, status_letter(state), name, s->by_state[i]);
	}
	buffer_add_string(b, "</div></section>\n");
}

static void
status_html_add_grid(struct buffer *b, const struct status_snapshot *s)
{
	buffer_add_string(b, "<section><h2>Workers</h2>\n<div class=\"grid\">");
	for (size_t i = 0; i < s->worker_count; i++)
		add_cell(b, &s->workers[i]);
	add_key(b, s);
}

static void
add_busy_row(struct buffer *b, const struct status_worker *w)
{
	buffer_printf(b, "<tr><td class=\"less\">%zu</td><td>%s</td><td>",
	    w->number, score_state_name(w->score.state));
	status_add_time(b, w->age);
	buffer_add_string(b, "</td><td class=\"less\">");
	add_word(b, w->score.client);
	buffer_add_string(b, "</td><td>");
	add_word(b, w->score.request);
	buffer_add_string(b, "</td></tr>\n");
}

static void
status_html_add_busy(struct buffer *b, const struct status_snapshot *s)
{
	size_t told = 0;

	if (status_busy(s) == 0)
		return;
	buffer_add_string(b,
	    "<section><table class=\"busy\">\n"
	    "<tr><th class=\"less\">Worker</th><th>State</th><th>For</th>"
	    "<th class=\"less\">Client</th><th>Request</th></tr>\n");
	for (size_t i = 0; i < s->worker_count && told < ROWS_MAX; i++) {
		if (!status_is_busy(s->workers[i].score.state))
			continue;
		add_busy_row(b, &s->workers[i]);
		told++;
	}
	buffer_add_string(b, "</table>");
	if (told < status_busy(s))
		buffer_printf(
		    b, "<p>and %" PRIu64 " more</p>", status_busy(s) - told);
	buffer_add_string(b, "</section>\n");
}

static void
begin_set(struct buffer *b, const char *name)
{
	buffer_printf(b, "<div><h2>%s</h2>\n<table>\n", name);
}

static void
end_set(struct buffer *b)
{
	buffer_add_string(b, "</table></div>\n");
}

static void
status_html_add_rows(
    struct buffer *b, const struct status_snapshot *s, const char *set)
{
	const struct status_row *row = NULL;

	while ((row = status_next_row(row, s, FORM_PAGE, set)) != NULL) {
		uint64_t n = status_number(row, s);
		bool bad = n > 0 && (row->flags & STATUS_BAD);

		buffer_printf(b, "<tr><td>%s</td><td%s>",
		    status_row_name(row, FORM_PAGE),
		    bad ? " class=\"bad\"" : "");
		if (row->flags & STATUS_BYTES)
			units_add_size(b, n);
		else
			status_html_add_number(b, n);
		buffer_add_string(b, "</td></tr>\n");
	}
}

static void
add_set(struct buffer *b, const struct status_snapshot *s, const char *name)
{
	begin_set(b, name);
	status_html_add_rows(b, s, name);
	end_set(b);
}

static void
add_bucket(struct buffer *b, int64_t bound, uint64_t n, uint64_t largest)
{
	buffer_add_string(b, "<tr><td>");
	status_add_bound(b, bound, "up to ");
	buffer_printf(b,
	    "</td><td class=\"bar\"><svg><rect width=\"%.1f%%\"/></svg></td>"
	    "<td>",
	    100.0 * (double)n / (double)largest);
	status_html_add_number(b, n);
	buffer_add_string(b, "</td></tr>\n");
}

/* From that bucket up to the last that has any. */
static void
status_html_add_histogram(struct buffer *b, const char *name,
    const uint64_t counts[HISTOGRAM_BUCKETS], size_t begin)
{
	uint64_t largest = 1;
	size_t end = begin + 1;

	for (size_t i = begin; i < HISTOGRAM_BUCKETS; i++) {
		if (counts[i] > 0)
			end = i + 1;
		if (counts[i] > largest)
			largest = counts[i];
	}
	begin_set(b, name);
	for (size_t i = begin; i < end; i++)
		add_bucket(b, histogram_bound(i), counts[i], largest);
	end_set(b);
}

/* Those that there are. */
static void
status_html_add_stalls(struct buffer *b, const struct status_snapshot *s)
{
	const struct status_row *row = NULL;

	for (int i = 0; i < STALL_CAUSES; i++) {
		char name[64];

		row = status_next_row(row, s, FORM_PAGE, STALLS);
		if (s->stall_count[i] == 0)
			continue;
		snprintf(name, sizeof(name), "Stalls: %s",
		    status_row_name(row, FORM_PAGE));
		status_html_add_histogram(
		    b, name, s->stalls[i], histogram_bucket(STALL_MIN));
	}
}

static void
add_listener(struct buffer *b, const struct status_listener *l)
{
	buffer_add_string(b, "<tr><td class=\"url\">");
	add_word(b, l->url);
	buffer_add_string(b, "</td><td>");
	if (l->known)
		buffer_printf(b, "%" PRIu64 " of %" PRIu64, l->backlog.waiting,
		    l->backlog.room);
	buffer_add_string(b, "</td></tr>\n");
}

static void
status_html_add_listeners(struct buffer *b, const struct status_snapshot *s)
{
	begin_set(b, "Listen queues");
	for (size_t i = 0; i < s->listener_count; i++)
		add_listener(b, &s->listeners[i]);
	status_html_add_rows(b, s, "Listen queues");
	end_set(b);
}

static void
add_footer(struct buffer *b, struct text prefix)
{
	static const char *const forms[] = {"text", "json", "metrics"};

	buffer_add_string(b,
	    "<footer><p id=\"lost\" class=\"bad\">The server does not respond: "
	    "these numbers are old.</p>\n<p>Also as");
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		buffer_printf(b, "%s <a href=\"", i > 0 ? "," : "");
		escape_html(b, prefix);
		buffer_printf(b, "/%s\">%s</a>", forms[i], forms[i]);
	}
	buffer_add_string(b, "</p></footer>\n");
}

void
status_add_page(
    struct buffer *b, const struct status_snapshot *s, struct text prefix)
{
	buffer_add_string(b, page_head);
	buffer_add_string(b, page_style);
	buffer_printf(b,
	    "<body>\n<main data-requests=\"%" PRIu64 "\" data-uptime=\"%.3f\">"
	    "\n",
	    s->counts[COUNT_REQUESTS], (double)s->uptime / CLOCK_SECOND);
	html_add_header(b, s);
	add_tiles(b, s);
	status_html_add_grid(b, s);
	status_html_add_busy(b, s);
	buffer_add_string(b, "<section class=\"sets\">\n");
	add_set(b, s, "Responses");
	status_html_add_histogram(b, "Request duration", s->latency, 0);
	add_set(b, s, STALLS);
	status_html_add_stalls(b, s);
	add_set(b, s, "Connections");
	if (s->has_lot)
		add_set(b, s, "In the lot");
	add_set(b, s, "Processes");
	status_html_add_listeners(b, s);
	buffer_add_string(b, "</section></main>\n");
	add_footer(b, prefix);
	buffer_add_string(b, page_script);
	buffer_add_string(b, "</html>\n");
}
