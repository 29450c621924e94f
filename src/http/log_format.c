#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/chars.h"
#include "base/clock.h"
#include "base/escape.h"
#include "base/memory.h"
#include "http/log_format.h"

#define MICROSECOND INT64_C(1000)
#define COMMON "%h %l %u %t \"%r\" %>s %b"
#define COMBINED COMMON " \"%{Referer}i\" \"%{User-Agent}i\""

struct parser {
	struct log_format *f;
	struct buffer *why;
	const char *format;
	size_t at;    /* of the next byte */
	size_t start; /* of the current directive: its "%" */
	size_t used;  /* of f->text */
};

/* Parses the text in braces; at is NULL without braces.  False on errors. */
typedef bool take_argument(
    struct parser *p, struct log_format_piece *piece, struct text argument);

struct letter {
	char letter;
	enum log_format_what what;
	take_argument *take; /* NULL: no braces allowed */
};

/* Returns false.  Shows the place counted from 1, for people. */
static bool
mistake(struct parser *p, const char *wanted)
{
	struct text directive = {p->format + p->start, p->at - p->start};

	buffer_printf(p->why, "%s, not ", wanted);
	escape_log(p->why, directive, 40);
	buffer_printf(p->why, " (character %zu)", p->start + 1);
	return false;
}

static struct log_format_piece *
log_format_add_piece(struct parser *p, const struct log_format_piece *piece)
{
	struct log_format *f = p->f;

	f->pieces =
	    memory_resize(f->pieces, f->count + 1, sizeof(f->pieces[0]));
	f->pieces[f->count] = *piece;
	return &f->pieces[f->count++];
}

/* Copies with a NUL; no piece is longer than its directive. */
static struct text
log_format_keep(struct parser *p, struct text t)
{
	char *to = p->f->text + p->used;

	memcpy(to, t.at, t.len);
	to[t.len] = '\0';
	p->used += t.len + 1;
	return (struct text){to, t.len};
}

static void
add_literal(struct parser *p, char c)
{
	static const struct log_format_piece empty = {
	    .what = LOG_FORMAT_LITERAL};
	struct log_format *f = p->f;
	struct log_format_piece *last =
	    f->count > 0 ? &f->pieces[f->count - 1] : NULL;

	if (last == NULL || last->what != LOG_FORMAT_LITERAL) {
		last = log_format_add_piece(p, &empty);
		last->text.at = f->text + p->used;
	}
	f->text[p->used++] = c;
	last->text.len++;
}

static bool
log_format_take_field(
    struct parser *p, struct log_format_piece *piece, struct text name)
{
	if (name.len == 0 || !chars_all(name.at, name.len, CHAR_TOKEN))
		return mistake(p, "the name of a field, as in %{Referer}i");
	piece->text = log_format_keep(p, name);
	piece->id = request_field_id(name);
	return true;
}

static bool
take_prefix(struct text *t, struct text prefix)
{
	if (!text_begins(*t, prefix))
		return false;
	t->at += prefix.len;
	t->len -= prefix.len;
	return true;
}

static bool
take_unit(struct text name, int64_t *unit)
{
	if (text_equal(name, TEXT("s")))
		*unit = CLOCK_SECOND;
	else if (text_equal(name, TEXT("ms")))
		*unit = CLOCK_MILLISECOND;
	else if (text_equal(name, TEXT("us")))
		*unit = MICROSECOND;
	else
		return false;
	return true;
}

static bool
take_duration(struct parser *p, struct log_format_piece *piece, struct text t)
{
	piece->unit = CLOCK_SECOND;
	if (t.at == NULL)
		return true;
	if (take_prefix(&t, TEXT("queue:")))
		piece->what = LOG_FORMAT_QUEUE_TIME;
	else if (take_prefix(&t, TEXT("first:")))
		piece->what = LOG_FORMAT_FIRST_BYTE;
	else if (take_prefix(&t, TEXT("stall:")))
		piece->what = LOG_FORMAT_STALL_TIME;
	if (!take_unit(t, &piece->unit))
		return mistake(p,
		    "%{UNIT}T, or queue:, first: or stall: before UNIT, which "
		    "is s, ms or us");
	return true;
}

static bool
take_microseconds(
    struct parser *p, struct log_format_piece *piece, struct text t)
{
	if (t.at != NULL)
		return mistake(p, "no braces before D");
	piece->unit = MICROSECOND;
	return true;
}

/* True if strftime(3) accepts the format and its result fits. */
static bool
is_date_format(const char *format)
{
	static const struct tm sample = {.tm_mday = 30, .tm_year = 100};
	char date[LOG_FORMAT_DATE_SIZE];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	return strftime(date, sizeof(date), format, &sample) > 0;
#pragma GCC diagnostic pop
}

/* The values of %{...}t that are not strftime(3) formats. */
static const struct {
	const char *name;
	enum log_format_what what;
	int64_t unit;
} time_units[] = {
    {"", LOG_FORMAT_TIME, 0},
    {"sec", LOG_FORMAT_TIME_UNITS, CLOCK_SECOND},
    {"msec", LOG_FORMAT_TIME_UNITS, CLOCK_MILLISECOND},
    {"usec", LOG_FORMAT_TIME_UNITS, MICROSECOND},
    {"msec_frac", LOG_FORMAT_TIME_FRACTION, CLOCK_MILLISECOND},
    {"usec_frac", LOG_FORMAT_TIME_FRACTION, MICROSECOND},
};

static bool
log_format_take_time(
    struct parser *p, struct log_format_piece *piece, struct text t)
{
	if (take_prefix(&t, TEXT("end:")))
		piece->at_end = true;
	else
		(void)take_prefix(&t, TEXT("begin:"));
	for (size_t i = 0; i < sizeof(time_units) / sizeof(time_units[0]); i++)
		if (text_equal(t, text_of(time_units[i].name))) {
			piece->what = time_units[i].what;
			piece->unit = time_units[i].unit;
			return true;
		}
	piece->what = LOG_FORMAT_TIME_STRFTIME;
	piece->text = log_format_keep(p, t);
	if (!is_date_format(piece->text.at))
		return mistake(p, "a format that strftime(3) makes a date of");
	return true;
}

static bool
take_port(struct parser *p, struct log_format_piece *piece, struct text t)
{
	if (text_equal(t, TEXT("remote")))
		piece->what = LOG_FORMAT_CLIENT_PORT;
	else if (t.at == NULL || text_equal(t, TEXT("local")) ||
	    text_equal(t, TEXT("canonical")))
		p->f->wants_server_port = true;
	else
		return mistake(p, "%p, %{local}p or %{remote}p");
	return true;
}

static bool
take_process(struct parser *p, struct log_format_piece *piece, struct text t)
{
	if (text_equal(t, TEXT("worker")))
		piece->what = LOG_FORMAT_WORKER;
	else if (t.at != NULL && !text_equal(t, TEXT("pid")))
		return mistake(p, "%P, %{pid}P or %{worker}P");
	return true;
}

/* %{c}a is the address of the connection: the same as %a. */
static bool
take_client(struct parser *p, struct log_format_piece *piece, struct text t)
{
	(void)piece;
	if (t.at != NULL && !text_equal(t, TEXT("c")))
		return mistake(p, "%a or %{c}a");
	return true;
}

/* %{...}x, which Apache's modules use for variables of their own. */
static bool
take_stall(struct parser *p, struct log_format_piece *piece, struct text t)
{
	(void)piece;
	return text_equal(t, TEXT("stall")) || mistake(p, "%{stall}x");
}

static const struct letter letters[] = {
    {'a', LOG_FORMAT_CLIENT, take_client},
    {'b', LOG_FORMAT_CONTENT_OR_DASH, NULL},
    {'B', LOG_FORMAT_CONTENT, NULL},
    {'D', LOG_FORMAT_DURATION, take_microseconds},
    {'h', LOG_FORMAT_CLIENT, NULL},
    {'H', LOG_FORMAT_PROTOCOL, NULL},
    {'i', LOG_FORMAT_REQUEST_FIELD, log_format_take_field},
    {'I', LOG_FORMAT_RECEIVED, NULL},
    {'k', LOG_FORMAT_REQUESTS, NULL},
    {'l', LOG_FORMAT_LITERAL, NULL},
    {'m', LOG_FORMAT_METHOD, NULL},
    {'o', LOG_FORMAT_RESPONSE_FIELD, log_format_take_field},
    {'O', LOG_FORMAT_SENT, NULL},
    {'p', LOG_FORMAT_SERVER_PORT, take_port},
    {'P', LOG_FORMAT_PROCESS, take_process},
    {'q', LOG_FORMAT_QUERY, NULL},
    {'r', LOG_FORMAT_LINE, NULL},
    {'s', LOG_FORMAT_STATUS, NULL},
    {'S', LOG_FORMAT_TRANSFERRED, NULL},
    {'t', LOG_FORMAT_TIME, log_format_take_time},
    {'T', LOG_FORMAT_DURATION, take_duration},
    {'u', LOG_FORMAT_LITERAL, NULL},
    {'U', LOG_FORMAT_PATH, NULL},
    {'v', LOG_FORMAT_HOST, NULL},
    {'V', LOG_FORMAT_HOST, NULL},
    {'x', LOG_FORMAT_STALL_CAUSE, take_stall},
    {'X', LOG_FORMAT_END, NULL},
};

static bool
take_letter(
    struct parser *p, struct log_format_piece *piece, struct text braces)
{
	char c = p->format[p->at++];

	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
		if (letters[i].letter != c)
			continue;
		piece->what = letters[i].what;
		if (letters[i].take != NULL)
			return letters[i].take(p, piece, braces);
		return braces.at == NULL ||
		    mistake(p, "no braces before this letter");
	}
	return mistake(p, "a letter that tined(8) lists");
}

/* Three digits of a status code, and a comma before all but the first. */
static bool
log_format_take_status(struct parser *p, struct log_format_piece *piece)
{
	struct text digits = {p->format + p->at, 0};
	uint64_t status;

	while (chars_is(digits.at[digits.len], CHAR_DIGIT))
		digits.len++;
	p->at += digits.len;
	if (digits.len != 3 || !text_to_number(digits, 599, &status) ||
	    piece->status_count == LOG_FORMAT_STATUSES_MAX)
		return mistake(
		    p, "up to 8 statuses, as in %!200,304{Referer}i");
	piece->statuses[piece->status_count++] = (short)status;
	if (p->format[p->at] == ',')
		p->at++;
	return true;
}

static bool
take_braces(struct parser *p, struct text *braces)
{
	const char *open = p->format + p->at++;
	const char *end = strchr(open, '}');

	if (end == NULL) {
		p->at += strlen(open + 1);
		return mistake(p, "a } behind the {");
	}
	*braces = (struct text){open + 1, (size_t)(end - open) - 1};
	p->at += braces->len + 1;
	return true;
}

/* mod_logio's name for the time to the first byte. */
static bool
take_first_byte(struct parser *p, struct log_format_piece *piece)
{
	p->at++;
	if (!text_begins(text_of(p->format + p->at), TEXT("FB")))
		return mistake(p, "%^FB");
	p->at += strlen("FB");
	piece->what = LOG_FORMAT_FIRST_BYTE;
	piece->unit = MICROSECOND;
	return true;
}

/* Parses the rest of a directive, after its "%". */
static bool
take_directive(struct parser *p)
{
	struct log_format_piece piece = {0};
	struct text braces = {NULL, 0};
	bool good = true;

	while (good) {
		char c = p->format[p->at];

		if (c == '{')
			good = take_braces(p, &braces);
		else if (chars_is(c, CHAR_DIGIT))
			good = log_format_take_status(p, &piece);
		else if (c == '!')
			piece.others = p->format[p->at++] == '!';
		else if (c == '<' || c == '>')
			p->at++; /* there are no internal redirects */
		else
			break;
	}
	if (!good)
		return false;
	if (p->format[p->at] == '\0')
		return mistake(p, "a letter behind the last %");
	if (p->format[p->at] == '^' ? !take_first_byte(p, &piece)
				    : !take_letter(p, &piece, braces))
		return false;
	/* %l and %u: no client logs in, and Apache writes "-" then, too. */
	if (piece.what == LOG_FORMAT_LITERAL)
		add_literal(p, '-');
	else
		log_format_add_piece(p, &piece);
	return true;
}

/* \", \\ and \t, as in Apache's configuration; no newline. */
static bool
take_escaped(struct parser *p)
{
	static const char letters_of[] = "\"\\t", bytes[] = "\"\\\t";
	char next = p->format[p->at];
	const char *found = next != '\0' ? strchr(letters_of, next) : NULL;

	if (next == 'n' || next == 'r') {
		p->at++;
		return mistake(p, "one line");
	}
	add_literal(p, found != NULL ? bytes[found - letters_of] : '\\');
	p->at += found != NULL;
	return true;
}

static bool
log_format_take_next(struct parser *p)
{
	unsigned char c = (unsigned char)p->format[p->at];

	p->start = p->at++;
	if (c == '%' && p->format[p->at] == '%')
		add_literal(p, p->format[p->at++]);
	else if (c == '%')
		return take_directive(p);
	else if (c == '\\')
		return take_escaped(p);
	else if ((c < ' ' && c != '\t') || c == '\x7f')
		return mistake(p, "no control bytes");
	else
		add_literal(p, (char)c);
	return true;
}

static int
parse_letters(struct log_format *f, const char *format, struct buffer *why)
{
	size_t len = strlen(format);
	struct parser p = {.f = f, .format = format, .why = why};

	if (strchr(format, '%') == NULL || len > LOG_FORMAT_MAX) {
		buffer_add_string(why,
		    "common, combined, json, or up to 1024 bytes of letters "
		    "such as '%h %t \"%r\" %s'");
		return -1;
	}
	f->text = memory_get(len + 1);
	while (p.at < len)
		if (!log_format_take_next(&p)) {
			log_format_free(f);
			return -1;
		}
	return 0;
}

#define LITERAL(string)                                                        \
	{                                                                      \
		.what = LOG_FORMAT_LITERAL, .text = {                          \
			string,                                                \
			sizeof(string) - 1                                     \
		}                                                              \
	}
#define VALUE(name)                                                            \
	{                                                                      \
		.what = (name), .json = true                                   \
	}
#define FIELD(name)                                                            \
	{                                                                      \
		.what = LOG_FORMAT_REQUEST_FIELD, .json = true, .id = (name)   \
	}
#define TIME_OF(name)                                                          \
	{                                                                      \
		.what = (name), .json = true, .unit = MICROSECOND              \
	}

static const struct log_format_piece json[] = {
    LITERAL("{\"time\":"),
    VALUE(LOG_FORMAT_TIME_UTC),
    LITERAL(",\"client\":"),
    VALUE(LOG_FORMAT_CLIENT),
    LITERAL(",\"method\":"),
    VALUE(LOG_FORMAT_METHOD),
    LITERAL(",\"target\":"),
    VALUE(LOG_FORMAT_TARGET),
    LITERAL(",\"protocol\":"),
    VALUE(LOG_FORMAT_PROTOCOL),
    LITERAL(",\"status\":"),
    VALUE(LOG_FORMAT_STATUS),
    LITERAL(",\"bytes\":"),
    VALUE(LOG_FORMAT_CONTENT),
    LITERAL(",\"duration_us\":"),
    TIME_OF(LOG_FORMAT_DURATION),
    LITERAL(",\"queue_us\":"),
    TIME_OF(LOG_FORMAT_QUEUE_TIME),
    LITERAL(",\"first_byte_us\":"),
    TIME_OF(LOG_FORMAT_FIRST_BYTE),
    LITERAL(",\"stall_us\":"),
    TIME_OF(LOG_FORMAT_STALL_TIME),
    LITERAL(",\"stall\":"),
    VALUE(LOG_FORMAT_STALL_CAUSE),
    LITERAL(",\"worker\":"),
    VALUE(LOG_FORMAT_WORKER),
    LITERAL(",\"reused\":"),
    VALUE(LOG_FORMAT_REUSED),
    LITERAL(",\"host\":"),
    VALUE(LOG_FORMAT_AUTHORITY),
    LITERAL(",\"referer\":"),
    FIELD(FIELD_REFERER),
    LITERAL(",\"user_agent\":"),
    FIELD(FIELD_USER_AGENT),
    LITERAL("}"),
};

static void
copy_json(struct log_format *f)
{
	f->count = sizeof(json) / sizeof(json[0]);
	f->pieces = memory_get_array(f->count, sizeof(json[0]));
	memcpy(f->pieces, json, sizeof(json));
}

static int
take_format(struct log_format *f, const char *format, struct buffer *why)
{
	if (strcmp(format, "json") == 0) {
		copy_json(f);
		return 0;
	}
	if (strcmp(format, "common") == 0)
		format = COMMON;
	else if (strcmp(format, "combined") == 0)
		format = COMBINED;
	return parse_letters(f, format, why);
}

int
log_format_parse(struct log_format *f, const char *format, struct buffer *why)
{
	*f = (struct log_format){0};
	if (take_format(f, format, why) == -1)
		return -1;
	for (size_t i = 0; i < f->count; i++)
		if (f->pieces[i].what == LOG_FORMAT_FIRST_BYTE)
			f->wants_first_byte = true;
	return 0;
}

void
log_format_free(struct log_format *f)
{
	free(f->pieces);
	free(f->text);
	*f = (struct log_format){0};
}
