/* All forms of the status, from one snapshot that is made up. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/units.h"
#include "status/format.h"
#include "status/forms.h"
#include "status/table.h"
#include "unit.h"

#define HOSTILE "GET /<b>'\"&\\\x01\xff HTTP/1.1"

static struct buffer out;
static struct status_worker workers[2];
static struct status_listener listeners[2];
static struct status_snapshot s;

void
unit_set_up(void)
{
	workers[0] = (struct status_worker){
	    .number = 1,
	    .age = 5 * CLOCK_SECOND,
	    .score = {.pid = 101, .state = SCORE_IDLE, .requests = 12},
	};
	workers[1] = (struct status_worker){
	    .number = 3,
	    .age = 12 * CLOCK_MILLISECOND,
	    .score = {.pid = 103,
		.state = SCORE_RUNNING,
		.requests = 7,
		.bytes = 1234},
	};
	strcpy(workers[0].score.client, "192.0.2.9");
	strcpy(workers[0].score.request, "GET /over HTTP/1.1");
	strcpy(workers[1].score.client, "192.0.2.1");
	strcpy(workers[1].score.request, HOSTILE);
	listeners[0] = (struct status_listener){
	    .url = "http://localhost:80/",
	    .known = true,
	    .backlog = {.waiting = 3, .room = 4096},
	};
	listeners[1] = (struct status_listener){.url = "unix:/run/\"x\\"};
	s = (struct status_snapshot){
	    .version = "1.2",
	    .master = 100,
	    .uptime = 10 * CLOCK_SECOND,
	    .time = 1000,
	    .counts = {[COUNT_CONNECTIONS] = 5,
		[COUNT_HANDED] = 6,
		[COUNT_REQUESTS] = 42,
		[COUNT_REUSED] = 37,
		[COUNT_RESPONSES + 1] = 40,
		[COUNT_RESPONSES_5XX] = 2,
		[COUNT_SENT] = 1234567,
		[COUNT_RECEIVED] = 89,
		[COUNT_ABORTED] = 1,
		[COUNT_QUEUE_TIMEOUTS] = 2,
		[COUNT_SPLIT] = 4,
		[COUNT_LATENCY] = 1500000000},
	    .latency = {[0] = 40, [4] = 1, [HISTOGRAM_BUCKETS - 1] = 1},
	    .stalls = {[STALL_NAGLE] = {[8] = 3}},
	    .stall_count = {[STALL_NAGLE] = 3},
	    .stall_time = {[STALL_NAGLE] = 120 * CLOCK_MILLISECOND},
	    .spent = {[SCORE_IDLE] = 2 * CLOCK_SECOND},
	    .events = {[EVENT_STARTED] = 4, [EVENT_KILLED] = 2},
	    .by_state = {[SCORE_IDLE] = 1, [SCORE_RUNNING] = 1},
	    .workers = workers,
	    .worker_count = 2,
	    .has_lot = true,
	    .lot = {.waiting =
			{[WAIT_IDLE] = 8, [WAIT_WORKER] = 1, [WAIT_LENT] = 5},
		.all = 9,
		.peak = 11,
		.room = 1000,
		.accepted = 13,
		.evicted = 14,
		.strays = 18,
		.deferred = 17},
	    .listeners = listeners,
	    .listener_count = 2,
	    .knows_overflows = true,
	    .overflows = 15,
	};
}

void
unit_tear_down(void)
{
	buffer_free(&out);
}

static bool
has(const char *what)
{
	return strstr(buffer_string(&out), what) != NULL;
}

static size_t
count(const char *what)
{
	const char *at = buffer_string(&out);
	size_t n = 0;

	while ((at = strstr(at, what)) != NULL) {
		at++;
		n++;
	}
	return n;
}

TEST(text)
{
	status_add_text(&out, &s);
	ck_assert_str_eq(buffer_string(&out),
	    "tined 1.2, master 100, up 10.0s\n"
	    "\n"
	    "Workers        2: idle 1, running 1\n"
	    "Requests       42: 4.2 a second, on reused connections 37\n"
	    "Responses      1xx 0, 2xx 40, 3xx 0, 4xx 0, 5xx 2\n"
	    "Trouble        aborted 1, queue_timeouts 2, split 4\n"
	    "Stalls         nagle 3, ack 0, client 0, congestion 0, loss 0\n"
	    "Bytes          sent 1234567, content received 89\n"
	    "Connections    accepted by workers 5, by the lot 13, handed over "
	    "6\n"
	    "Latency        50 % <= 100us, 90 % <= 100us, 99 % over 60s, "
	    "99.9 % over 60s\n"
	    "Processes      started 4, crashed 0, killed 2, timed_out 0\n"
	    "               recycled 0, retired 0, reloads 0, lots 0\n"
	    "Lot            9: idle 8, head 0, body 0, worker 1, send 0, "
	    "linger 0\n"
	    "               peak 11, room 1000, lent 5, evicted 14, "
	    "strays 18, deferred bytes 17\n"
	    "Listener       http://localhost:80/: waiting 3 of 4096\n"
	    "Listener       unix:/run/\"x\\\\\n"
	    "Overflows      15, of all servers here\n"
	    "\n"
	    "_ idle, S starting, R reading, X running, W writing, "
	    "w waiting,\n"
	    "L lingering, G stopping\n"
	    "\n"
	    "_X\n"
	    "\n"
	    "    #     PID State        For Requests  Client, request\n"
	    "    3     103 running     12ms        7  192.0.2.1\n"
	    "      GET /<b>'\"&\\\\\\x01\\xff HTTP/1.1\n");
}

TEST(text_of_very_many)
{
	static struct status_worker many[200];
	char *line, *rest;

	for (size_t i = 0; i < 200; i++) {
		many[i] = workers[1];
		many[i].number = i + 1;
		memset(many[i].score.client, 'c', SCORE_CLIENT_MAX - 1);
		memset(many[i].score.request, '\x01', SCORE_REQUEST_MAX - 1);
	}
	s.workers = many;
	s.worker_count = s.by_state[SCORE_RUNNING] = 200;
	s.by_state[SCORE_IDLE] = 0;
	s.stopping = true;
	s.has_lot = s.knows_overflows = false;
	s.listener_count = 0;
	status_add_text(&out, &s);
	ck_assert(has("up 10.0s, stopping\n"));
	ck_assert(has("\n   and 160 more\n"));
	ck_assert(!has("\nLot") && !has("\nListener") && !has("\nOverflows"));
	rest = out.data;
	while ((line = strsep(&rest, "\n")) != NULL)
		assert_quick(strlen(line) <= 80);
}

TEST(json)
{
	s.latency[0] = 0;
	status_add_json(&out, &s);
	ck_assert(
	    has("{\"version\":\"1.2\",\"master\":100,\"time\":1000,"
		"\"uptime\":10.000000,\"stopping\":false,"
		"\"workers\":{\"starting\":0,\"idle\":1,\"reading\":0,"
		"\"running\":1,\"writing\":0,\"waiting\":0,\"lingering\":0,"
		"\"stopping\":0},"
		"\"seconds\":{\"starting\":0.000000,"
		"\"idle\":2.000000,"));
	ck_assert(has("\"stopping\":0.000000},"
		      "\"processes\":{\"started\":4,\"crashed\":0,"
		      "\"killed\":2,\"timed_out\":0,\"recycled\":0,"
		      "\"retired\":0,\"reloads\":0,\"lots\":0},"
		      "\"requests\":{\"all\":42,\"reused\":37,"
		      "\"queue_timeouts\":2},"
		      "\"responses\":{\"1xx\":0,\"2xx\":40,\"3xx\":0,"
		      "\"4xx\":0,\"5xx\":2,\"aborted\":1,\"split\":4},"
		      "\"stalls\":{\"nagle\":3,\"delayed_ack\":0,"
		      "\"client_window\":0,\"congestion_window\":0,"
		      "\"loss\":0},"
		      "\"bytes\":{\"sent\":1234567,\"content_received\":89},"
		      "\"connections\":{\"accepted_by_workers\":5,"
		      "\"accepted_by_lot\":13,\"handed_over\":6},"
		      "\"latency\":{\"count\":2,\"sum\":1.500000,"
		      "\"buckets\":[{\"le\":0.0001,\"count\":0},"));
	ck_assert(has(",{\"le\":60,\"count\":1}]},"
		      "\"stall_seconds\":{\"nagle\":{\"count\":3,"
		      "\"sum\":0.120000,\"buckets\":["));
	ck_assert(has("{\"le\":0.025,\"count\":0},"
		      "{\"le\":0.05,\"count\":3},"));
	ck_assert(has("\"lot\":{\"idle\":8,\"head\":0,\"body\":0,"
		      "\"worker\":1,\"send\":0,\"linger\":0,\"all\":9,"
		      "\"peak\":11,\"room\":1000,\"lent\":5,\"evicted\":14,"
		      "\"strays\":18,"
		      "\"deferred_bytes\":17},"
		      "\"listeners\":[{\"url\":\"http://localhost:80/\","
		      "\"waiting\":3,\"room\":4096},"
		      "{\"url\":\"unix:/run/\\\"x\\\\\"}],"
		      "\"listen_overflows\":15,"));
	ck_assert(
	    has("\"pool\":[{\"worker\":1,\"pid\":101,\"state\":\"idle\","
		"\"since\":5.000000,\"requests\":12,\"bytes\":0},"
		"{\"worker\":3,\"pid\":103,\"state\":\"running\","
		"\"since\":0.012000,\"requests\":7,\"bytes\":1234,"
		"\"client\":\"192.0.2.1\","
		"\"request\":\"GET /<b>'\\\"&\\\\\\u0001\\u00ff HTTP/1.1\"}]}"
		"\n"));
	buffer_clear(&out);
	s.has_lot = false;
	status_add_json(&out, &s);
	ck_assert(has("\"lot\":null,"));
}

/* As a worker that was taken over may have it. */
TEST(json_of_times_out_of_all_range)
{
	s.counts[COUNT_LATENCY] = s.spent[SCORE_IDLE] = UINT64_MAX;
	status_add_json(&out, &s);
	ck_assert(has("\"idle\":18446744073.709551,"));
	ck_assert(has("\"sum\":18446744073.709551,"));
}

TEST(metrics)
{
	status_add_metrics(&out, &s, FORM_METRICS);
	ck_assert(has("tined_start_time_seconds 990.000000\n"));
	ck_assert(has("# HELP tined_requests_total Requests "
		      "answered.\n"
		      "# TYPE tined_requests_total counter\n"
		      "tined_requests_total 42\n"));
	ck_assert(has("tined_workers{state=\"idle\"} 1\n"));
	ck_assert(has("tined_worker_seconds_total{state=\"idle\"} 2.000000\n"));
	ck_assert(has("tined_responses_total{class=\"2xx\"} 40\n"));
	ck_assert(has("tined_connections_total{by=\"lot\"} 13\n"));
	ck_assert(has("tined_lot_connections{waiting_for=\"idle\"} 8\n"));
	ck_assert(
	    has("tined_request_duration_seconds_bucket{le=\"0.001\"} 40\n"
		"tined_request_duration_seconds_bucket{le=\"0.0025\"} 41\n"));
	ck_assert(has("tined_request_duration_seconds_bucket{le=\"60\"} 41\n"
		      "tined_request_duration_seconds_bucket{le=\"+Inf\"} 42\n"
		      "tined_request_duration_seconds_sum 1.500000\n"
		      "tined_request_duration_seconds_count 42\n"));
	ck_assert(
	    has("tined_listen_queue{listener=\"http://localhost:80/\"} 3\n"));
	ck_assert(has("tined_listen_overflows_total 15\n"));
	ck_assert(!has("unix:")); /* of which nothing is known */
	ck_assert(!has("EOF"));
	buffer_clear(&out);
	listeners[1].known = true;
	status_add_metrics(&out, &s, FORM_OPEN_METRICS);
	ck_assert(has("# HELP tined_requests Requests answered.\n"
		      "# TYPE tined_requests counter\n"
		      "tined_requests_total 42\n"));
	/* As plain text unix:/run/"x\\, and that as a label. */
	ck_assert(has("{listener=\"unix:/run/\\\"x\\\\\\\\\"} 0\n"));
	ck_assert_str_eq(out.data + out.len - strlen("\n# EOF\n"), "\n# EOF\n");
	buffer_clear(&out);
	s.has_lot = false;
	status_add_metrics(&out, &s, FORM_METRICS);
	ck_assert(!has("tined_lot_connections"));
}

/* Names of metrics are in people's dashboards: they stay as they are. */
TEST(names_of_metrics)
{
	static const char *const names[] = {"workers{state=\"starting\"}",
	    "workers{state=\"idle\"}", "workers{state=\"reading\"}",
	    "workers{state=\"running\"}", "workers{state=\"writing\"}",
	    "workers{state=\"waiting\"}", "workers{state=\"lingering\"}",
	    "workers{state=\"stopping\"}",
	    "worker_seconds_total{state=\"starting\"}",
	    "worker_seconds_total{state=\"idle\"}",
	    "worker_seconds_total{state=\"reading\"}",
	    "worker_seconds_total{state=\"running\"}",
	    "worker_seconds_total{state=\"writing\"}",
	    "worker_seconds_total{state=\"waiting\"}",
	    "worker_seconds_total{state=\"lingering\"}",
	    "worker_seconds_total{state=\"stopping\"}", "workers_started_total",
	    "workers_crashed_total", "workers_killed_total",
	    "workers_timed_out_total", "workers_recycled_total",
	    "workers_retired_total", "reloads_total", "lot_starts_total",
	    "connections_total{by=\"worker\"}", "connections_total{by=\"lot\"}",
	    "handoffs_total", "responses_total{class=\"1xx\"}",
	    "responses_total{class=\"2xx\"}", "responses_total{class=\"3xx\"}",
	    "responses_total{class=\"4xx\"}", "responses_total{class=\"5xx\"}",
	    "requests_total", "requests_reused_total", "sent_bytes_total",
	    "received_content_bytes_total", "responses_aborted_total",
	    "queue_timeouts_total", "responses_split_total",
	    "stalls_total{cause=\"nagle\"}",
	    "stalls_total{cause=\"delayed_ack\"}",
	    "stalls_total{cause=\"client_window\"}",
	    "stalls_total{cause=\"congestion_window\"}",
	    "stalls_total{cause=\"loss\"}",
	    "stall_duration_seconds_bucket{cause=\"nagle\",le=\"0.05\"}",
	    "stall_duration_seconds_bucket{cause=\"loss\",le=\"+Inf\"}",
	    "stall_duration_seconds_sum{cause=\"nagle\"}",
	    "stall_duration_seconds_count{cause=\"nagle\"}",
	    "lot_connections{waiting_for=\"idle\"}",
	    "lot_connections{waiting_for=\"head\"}",
	    "lot_connections{waiting_for=\"body\"}",
	    "lot_connections{waiting_for=\"worker\"}",
	    "lot_connections{waiting_for=\"send\"}",
	    "lot_connections{waiting_for=\"linger\"}", "lot_connections_peak",
	    "lot_connections_max", "lot_connections_lent", "lot_evicted_total",
	    "lot_strays_total", "lot_deferred_bytes", "listen_overflows_total"};
	char line[100];

	status_add_metrics(&out, &s, FORM_METRICS);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(line, sizeof(line), "\ntined_%s ", names[i]);
		ck_assert_msg(has(line), "no %s", names[i]);
	}
}

static void
add_page(struct buffer *b, const struct status_snapshot *of)
{
	status_add_page(b, of, TEXT(""));
}

static void
add_metrics(struct buffer *b, const struct status_snapshot *of)
{
	status_add_metrics(b, of, FORM_METRICS);
}

static void
assert_shown(const struct status_row *row, enum status_form form)
{
	static const char *const around[][3] = {
	    [FORM_TEXT] = {"", " ", ""},
	    [FORM_PAGE] = {"<tr><td>", "</td><td>", "</td></tr>"},
	    [FORM_JSON] = {"\"", "\":", ""},
	    [FORM_METRICS] = {"tined_", " ", "\n"},
	};
	const char *const *at = around[form];
	bool bad = form == FORM_PAGE && (row->flags & STATUS_BAD);
	struct buffer line = {0};

	buffer_printf(&line, "%s%s%s", at[0],
	    form == FORM_METRICS ? row->shown[form]
				 : status_row_name(row, form),
	    bad ? "</td><td class=\"bad\">" : at[1]);
	if (form == FORM_PAGE && (row->flags & STATUS_BYTES))
		units_add_size(&line, status_number(row, &s));
	else
		status_add_number(&line, row, &s);
	buffer_add_string(&line, at[2]);
	ck_assert_msg(has(buffer_string(&line)), "no %s", line.data);
	buffer_free(&line);
}

/* Each with a number of its own, so that none is taken for another. */
TEST(each_row_is_in_its_forms)
{
	void (*const add[])(struct buffer *, const struct status_snapshot *) = {
	    status_add_text, add_page, status_add_json, add_metrics};
	const struct status_row *row = NULL;
	uint64_t n = 100;

	while ((row = status_next_row(row, &s, FORM_JSON, NULL)) != NULL)
		*(uint64_t *)(void *)((char *)&s + row->at) =
		    n++ * (row->flags & STATUS_SECONDS ? CLOCK_SECOND : 1);
	for (enum status_form form = FORM_TEXT; form <= FORM_METRICS; form++) {
		buffer_clear(&out);
		add[form](&out, &s);
		while ((row = status_next_row(row, &s, form, NULL)) != NULL)
			assert_shown(row, form);
	}
}

TEST(page)
{
	s.counts[COUNT_REQUESTS] = 1234567;
	status_add_page(&out, &s, TEXT("/a&b"));
	ck_assert(has("<b id=\"requests\">1,234,567</b>"));
	ck_assert(has("<b id=\"rate\">123457</b>"));
	ck_assert(has("<b id=\"busy\">1 / 2</b>"));
	ck_assert(has("<b id=\"lot\">9</b>"));
	ck_assert(has("<b id=\"sent\">1.2 MB</b>"));
	ck_assert(has("<i class=\"idle\" title=\"worker 1[101], idle for "
		      "5.0s, 12 requests\">_</i>"));
	ck_assert(has("title=\"worker 3[103], running for 12ms, 7 requests"
		      "&#10;192.0.2.1 GET /&lt;b&gt;&#39;&quot;&amp;\\\\\\x01"
		      "\\xff HTTP/1.1\">X</i>"));
	ck_assert(has("<td>GET /&lt;b&gt;&#39;&quot;&amp;\\\\\\x01\\xff "
		      "HTTP/1.1</td>"));
	ck_assert(has("<a href=\"/a&amp;b/json\">json</a>"));
	ck_assert(has("<tr><td>killed</td><td class=\"bad\">2</td></tr>"));
	ck_assert(has("<tr><td>crashed</td><td>0</td></tr>"));
	ck_assert(has("<td class=\"url\">unix:/run/&quot;x\\\\</td>"));
	/* All requests, and stalls from STALL_MIN to the longest. */
	ck_assert_uint_eq(count("up to "), HISTOGRAM_BUCKETS - 1 + 3);
	ck_assert(has("<h2>Stalls: Nagle's algorithm</h2>"));
	ck_assert(
	    has("<tr><td>Nagle's algorithm</td><td class=\"bad\">3</td>"));
	ck_assert(has("<td>over 60s</td>"));
	ck_assert(!has("<b>'") && !has("/over"));
	ck_assert_uint_eq(count("<script"), 1);
	ck_assert_uint_eq(count("<style"), 1);
	ck_assert(!has(" style=") && !has(" onclick=") &&
	    !has("http-equiv=\""
		 "Content"));
}

static void
assert_time(int64_t t, const char *expected)
{
	buffer_clear(&out);
	status_add_time(&out, t);
	ck_assert_str_eq(buffer_string(&out), expected);
}

TEST(times)
{
	assert_time(0, "0us");
	assert_time(CLOCK_MILLISECOND - 1, "999us");
	assert_time(CLOCK_MILLISECOND, "1ms");
	assert_time(CLOCK_SECOND - 1, "999ms");
	assert_time(CLOCK_SECOND, "1.0s");
	assert_time(60 * CLOCK_SECOND - 1, "59.9s");
	assert_time(60 * CLOCK_SECOND, "1m00s");
	assert_time(3600 * CLOCK_SECOND - 1, "59m59s");
	assert_time(3661 * CLOCK_SECOND, "1h01m");
	assert_time(INT64_C(86400) * CLOCK_SECOND, "1d00h");
	assert_time(INT64_C(86400) * 999 * CLOCK_SECOND, "999d00h");
}

static void
assert_bound(int64_t t, const char *expected)
{
	buffer_clear(&out);
	status_add_bound(&out, t, "<= ");
	ck_assert_str_eq(buffer_string(&out), expected);
}

TEST(bounds)
{
	assert_bound(0, "-");
	assert_bound(250 * (CLOCK_MILLISECOND / 1000), "<= 250us");
	assert_bound(CLOCK_MILLISECOND * 5 / 2, "<= 2.5ms");
	assert_bound(500 * CLOCK_MILLISECOND, "<= 500ms");
	assert_bound(CLOCK_SECOND, "<= 1s");
	assert_bound(CLOCK_SECOND * 5 / 2, "<= 2.5s");
	assert_bound(CLOCK_NEVER, "over 60s");
}

TEST(a_rate_at_once)
{
	s.uptime = 0;
	status_add_rate(&out, &s, 5);
	ck_assert_str_eq(buffer_string(&out), "0.00");
}
