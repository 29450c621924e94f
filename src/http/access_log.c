#include <netinet/in.h>

#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/log.h"
#include "http/access_log.h"

/*
 * Limits on the client's data in a line, and on single values.  With them, a
 * line in the usual formats is shorter than PIPE_BUF, and atomic in a pipe.
 */
#define ROOM 3584
#define LINE_MAX_BYTES 2048
#define FIELD_MAX_BYTES 768

#define MICROSECONDS_PER_SECOND 1000000

struct writer {
	struct buffer *line;
	const struct log_format_piece *piece;
	const struct access_log_entry *e;
	size_t room; /* bytes left for the client's data */
};

static void
add_unknown(struct writer *w)
{
	buffer_add_text(w->line, w->piece->json ? TEXT("null") : TEXT("-"));
}

/* Adds a value from the client; if t.at is NULL, the value is missing. */
static void
add_text(struct writer *w, struct text t, size_t max)
{
	const bool json = w->piece->json;
	size_t before;

	if (t.at == NULL || (t.len == 0 && !json)) {
		add_unknown(w);
		return;
	}
	if (max > w->room)
		max = w->room;
	if (json)
		buffer_add_char(w->line, '"');
	before = w->line->len;
	if (json)
		escape_json(w->line, t, max);
	else
		escape_log_quoted(w->line, t, max);
	w->room -= w->line->len - before;
	if (json)
		buffer_add_char(w->line, '"');
}

/* An address or "unix", which needs no escape. */
static void
add_client(struct writer *w)
{
	struct text client = text_of(w->e->client);

	if (w->piece->json || client.len > w->room) {
		add_text(w, client, INET6_ADDRSTRLEN);
		return;
	}
	buffer_add_text(w->line, client);
	w->room -= client.len;
}

static void
add_duration(struct writer *w, int64_t nanoseconds)
{
	if (nanoseconds < 0)
		add_unknown(w);
	else
		buffer_add_number(
		    w->line, (uint64_t)(nanoseconds / w->piece->unit));
}

static void
add_stall_time(struct writer *w)
{
	int64_t time = w->e->stall.time;

	add_duration(w, time > 0 ? time : ACCESS_LOG_UNKNOWN);
}

static void
access_log_add_port(struct writer *w, int port)
{
	if (port < 0)
		add_unknown(w);
	else
		buffer_add_number(w->line, (uint64_t)port);
}

/* The parts of the request line; empty if it is malformed. */

static struct text
method_of_line(const struct access_log_entry *e)
{
	struct text target = e->request->target;

	if (target.len == 0)
		return (struct text){NULL, 0};
	return (struct text){e->line.at, (size_t)(target.at - e->line.at) - 1};
}

static struct text
protocol_of_line(const struct access_log_entry *e)
{
	struct text target = e->request->target;
	const char *at = target.at + target.len + 1;

	if (target.len == 0)
		return (struct text){NULL, 0};
	return (struct text){at, (size_t)(e->line.at + e->line.len - at)};
}

static struct text
target_of_line(const struct access_log_entry *e)
{
	return e->request->target.len > 0 ? e->request->target : e->line;
}

static void
add_query(struct writer *w)
{
	if (!w->e->request->has_query)
		return;
	buffer_add_char(w->line, '?');
	if (w->e->request->query.len > 0)
		add_text(w, w->e->request->query, LINE_MAX_BYTES);
}

/* A colon within brackets is part of an IPv6 address: RFC 3986, 3.2.2. */
static struct text
without_port(struct text authority)
{
	for (size_t n = authority.len; n > 0; n--) {
		if (authority.at[n - 1] == ']')
			break;
		if (authority.at[n - 1] == ':') {
			authority.len = n - 1;
			break;
		}
	}
	return authority;
}

static struct text
request_field_of(const struct request *r, const struct log_format_piece *piece)
{
	struct text value = {NULL, 0};

	if (piece->id != FIELD_OTHER) {
		(void)request_field(r, piece->id, &value);
		return value;
	}
	for (size_t i = 0; i < r->field_count; i++)
		if (text_equal_nocase(r->fields[i].name, piece->text))
			return r->fields[i].value;
	return value;
}

/* The head is well-formed, as it comes from response.c. */
static struct text
response_field_of(struct text head, struct text name)
{
	const char *end = head.at + head.len;
	const char *lf;

	for (const char *at = head.at; at < end; at = lf + 1) {
		struct text line;

		lf = memchr(at, '\n', (size_t)(end - at));
		if (lf == NULL)
			break;
		line = (struct text){at, (size_t)(lf - at) - 1};
		if (line.len <= name.len || line.at[name.len] != ':' ||
		    !text_equal_nocase((struct text){at, name.len}, name))
			continue;
		line.at += name.len + 1;
		line.len -= name.len + 1;
		return text_trim(line);
	}
	return (struct text){NULL, 0};
}

/* A formatted date, valid for a second. */
struct date {
	time_t second;
	size_t len;
	char text[40];
};

/* Local time in Apache's form. */
static void
access_log_add_time(struct writer *w, time_t second)
{
	static struct date date;
	struct tm tm;

	if (second != date.second) {
		localtime_r(&second, &tm);
		date.len = strftime(date.text, sizeof(date.text),
		    "[%d/%b/%Y:%H:%M:%S %z]", &tm);
		date.second = second;
	}
	buffer_add(w->line, date.text, date.len);
}

static void
add_six_digits(struct writer *w, uint64_t n)
{
	char digits[6];

	for (size_t i = sizeof(digits); i > 0; n /= 10)
		digits[--i] = (char)('0' + n % 10);
	buffer_add(w->line, digits, sizeof(digits));
}

static void
add_time_utc(struct writer *w, struct timespec t)
{
	static struct date date;
	struct tm tm;

	if (t.tv_sec != date.second) {
		gmtime_r(&t.tv_sec, &tm);
		date.len = strftime(
		    date.text, sizeof(date.text), "\"%Y-%m-%dT%H:%M:%S.", &tm);
		date.second = t.tv_sec;
	}
	buffer_add(w->line, date.text, date.len);
	add_six_digits(
	    w, (uint64_t)t.tv_nsec * MICROSECONDS_PER_SECOND / CLOCK_SECOND);
	buffer_add_text(w->line, TEXT("Z\""));
}

static void
access_log_add_date(struct writer *w, time_t second)
{
	char date[LOG_FORMAT_DATE_SIZE];
	struct tm tm;
	size_t len;

	localtime_r(&second, &tm);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	len = strftime(date, sizeof(date), w->piece->text.at, &tm);
#pragma GCC diagnostic pop
	/* Escaped, because the format may contain any byte. */
	escape_log(w->line, (struct text){date, len}, sizeof(date));
}

static void
add_fraction(struct writer *w, long nanoseconds)
{
	uint64_t n = (uint64_t)(nanoseconds / w->piece->unit);
	uint64_t ten = (uint64_t)(CLOCK_SECOND / w->piece->unit) / 10;

	for (; ten > 0; ten /= 10)
		buffer_add_char(w->line, (char)('0' + n / ten % 10));
}

static struct timespec
moment_of(const struct writer *w)
{
	const struct access_log_entry *e = w->e;
	int64_t t = e->ended.tv_sec * CLOCK_SECOND + e->ended.tv_nsec;

	if (!w->piece->at_end && e->duration > 0)
		t -= e->duration;
	return (struct timespec){t / CLOCK_SECOND, t % CLOCK_SECOND};
}

static void
add_moment(struct writer *w)
{
	struct timespec t = moment_of(w);

	switch (w->piece->what) {
	case LOG_FORMAT_TIME:
		access_log_add_time(w, t.tv_sec);
		break;
	case LOG_FORMAT_TIME_UTC:
		add_time_utc(w, t);
		break;
	case LOG_FORMAT_TIME_STRFTIME:
		access_log_add_date(w, t.tv_sec);
		break;
	case LOG_FORMAT_TIME_UNITS:
		add_duration(w, t.tv_sec * CLOCK_SECOND + t.tv_nsec);
		break;
	default:
		add_fraction(w, t.tv_nsec);
	}
}

static uint64_t
access_log_count_of(const struct writer *w)
{
	const struct access_log_entry *e = w->e;

	switch (w->piece->what) {
	case LOG_FORMAT_STATUS:
		return (uint64_t)e->status;
	case LOG_FORMAT_RECEIVED:
		return e->received;
	case LOG_FORMAT_SENT:
		return e->sent;
	case LOG_FORMAT_TRANSFERRED:
		return e->received + e->sent;
	case LOG_FORMAT_WORKER:
		return e->worker;
	case LOG_FORMAT_PROCESS:
		return (uint64_t)(e->process != 0 ? e->process : getpid());
	case LOG_FORMAT_REQUESTS:
		return e->requests;
	default:
		return e->content;
	}
}

static struct text
text_of_piece(const struct writer *w)
{
	const struct access_log_entry *e = w->e;

	switch (w->piece->what) {
	case LOG_FORMAT_METHOD:
		return method_of_line(e);
	case LOG_FORMAT_TARGET:
		return target_of_line(e);
	case LOG_FORMAT_PATH:
		return e->request->raw_path;
	case LOG_FORMAT_PROTOCOL:
		return protocol_of_line(e);
	case LOG_FORMAT_AUTHORITY:
		return e->request->host;
	case LOG_FORMAT_HOST:
		return without_port(e->request->host);
	case LOG_FORMAT_STALL_CAUSE:
		return e->stall.time > 0 ? text_of(stall_name(e->stall.cause))
					 : (struct text){NULL, 0};
	default:
		return response_field_of(e->head, w->piece->text);
	}
}

static void
add_end(struct writer *w)
{
	const struct access_log_entry *e = w->e;

	buffer_add_char(w->line, e->aborted ? 'X' : e->closes ? '-' : '+');
}

static void
add_reused(struct writer *w)
{
	buffer_add_text(
	    w->line, w->e->requests > 0 ? TEXT("true") : TEXT("false"));
}

static bool
access_log_is_wanted(const struct log_format_piece *piece, int status)
{
	if (piece->status_count == 0)
		return true;
	for (size_t i = 0; i < piece->status_count; i++)
		if (piece->statuses[i] == status)
			return !piece->others;
	return piece->others;
}

static void
access_log_add_piece(struct writer *w)
{
	switch (w->piece->what) {
	case LOG_FORMAT_LITERAL:
		buffer_add_text(w->line, w->piece->text);
		break;
	case LOG_FORMAT_CLIENT_PORT:
		access_log_add_port(w, w->e->client_port);
		break;
	case LOG_FORMAT_SERVER_PORT:
		access_log_add_port(w, w->e->server_port);
		break;
	case LOG_FORMAT_CLIENT:
		add_client(w);
		break;
	case LOG_FORMAT_LINE:
		add_text(w, w->e->line, LINE_MAX_BYTES);
		break;
	case LOG_FORMAT_METHOD:
	case LOG_FORMAT_TARGET:
	case LOG_FORMAT_PATH:
	case LOG_FORMAT_PROTOCOL:
		add_text(w, text_of_piece(w), LINE_MAX_BYTES);
		break;
	case LOG_FORMAT_QUERY:
		add_query(w);
		break;
	case LOG_FORMAT_REQUEST_FIELD:
		add_text(w, request_field_of(w->e->request, w->piece),
		    FIELD_MAX_BYTES);
		break;
	case LOG_FORMAT_AUTHORITY:
	case LOG_FORMAT_HOST:
	case LOG_FORMAT_RESPONSE_FIELD:
	case LOG_FORMAT_STALL_CAUSE:
		add_text(w, text_of_piece(w), FIELD_MAX_BYTES);
		break;
	case LOG_FORMAT_CONTENT_OR_DASH:
		if (w->e->content == 0)
			add_unknown(w);
		else
			buffer_add_number(w->line, w->e->content);
		break;
	case LOG_FORMAT_STATUS:
	case LOG_FORMAT_CONTENT:
	case LOG_FORMAT_RECEIVED:
	case LOG_FORMAT_SENT:
	case LOG_FORMAT_TRANSFERRED:
	case LOG_FORMAT_WORKER:
	case LOG_FORMAT_PROCESS:
	case LOG_FORMAT_REQUESTS:
		buffer_add_number(w->line, access_log_count_of(w));
		break;
	case LOG_FORMAT_TIME:
	case LOG_FORMAT_TIME_UTC:
	case LOG_FORMAT_TIME_STRFTIME:
	case LOG_FORMAT_TIME_UNITS:
	case LOG_FORMAT_TIME_FRACTION:
		add_moment(w);
		break;
	case LOG_FORMAT_DURATION:
		add_duration(w, w->e->duration);
		break;
	case LOG_FORMAT_QUEUE_TIME:
		add_duration(w, w->e->queued);
		break;
	case LOG_FORMAT_FIRST_BYTE:
		add_duration(w, w->e->first_byte);
		break;
	case LOG_FORMAT_STALL_TIME:
		add_stall_time(w);
		break;
	case LOG_FORMAT_REUSED:
		add_reused(w);
		break;
	case LOG_FORMAT_END:
		add_end(w);
		break;
	}
}

void
access_log_add(struct buffer *line, const struct log_format *format,
    const struct access_log_entry *e)
{
	struct writer w = {.line = line, .e = e, .room = ROOM};

	for (size_t i = 0; i < format->count; i++) {
		w.piece = &format->pieces[i];
		if (w.piece->what == LOG_FORMAT_LITERAL)
			buffer_add_text(line, w.piece->text);
		else if (access_log_is_wanted(w.piece, e->status))
			access_log_add_piece(&w);
		else
			add_unknown(&w);
	}
}

void
access_log_write(struct logfile *f, const struct log_format *format,
    const struct access_log_entry *e)
{
	static struct buffer line;

	if (f->kind == LOGFILE_OFF)
		return;
	buffer_clear(&line);
	access_log_add(&line, format, e);
	buffer_add_char(&line, '\n');
	switch (logfile_write(f, LOG_INFO, line.data, line.len)) {
	case LOGFILE_BROKE:
		log_error("access log%s: %m; lines are lost until it works "
			  "again",
		    f->kind == LOGFILE_SYSLOG ? " to syslog" : "");
		break;
	case LOGFILE_HEALED:
		log_notice("the access log works again; %llu lines were lost",
		    logfile_lost(f));
		break;
	case LOGFILE_FINE:
		break;
	}
}
