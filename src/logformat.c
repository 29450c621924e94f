#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chars.h"
#include "clock.h"
#include "escape.h"
#include "logformat.h"
#include "memory.h"

#define MICROSECOND INT64_C(1000)
#define COMMON "%h %l %u %t \"%r\" %>s %b"
#define COMBINED COMMON " \"%{Referer}i\" \"%{User-Agent}i\""

struct parser {
	struct logformat *f;
	struct buffer *why;
	const char *format;
	size_t at;    /* of the next byte */
	size_t start; /* of the present directive, its "%" */
	size_t used;  /* of f->text */
};

/* The inside of the braces; at is NULL without any.  False for a mistake. */
typedef bool take_argument(
    struct parser *p, struct logformat_piece *piece, struct text argument);

struct letter {
	char letter;
	enum logformat_what what;
	take_argument *take; /* NULL: it has no braces */
};

/* Always false.  The place is counted from 1, as people do. */
static bool
mistake(struct parser *p, const char *wanted)
{
	struct text directive = {p->format + p->start, p->at - p->start};

	buffer_printf(p->why, "%s, not ", wanted);
	escape_log(p->why, directive, 40);
	buffer_printf(p->why, " (character %zu)", p->start + 1);
	return false;
}

static struct logformat_piece *
add_piece(struct parser *p, const struct logformat_piece *piece)
{
	struct logformat *f = p->f;

	f->pieces =
	    memory_resize(f->pieces, f->count + 1, sizeof(f->pieces[0]));
	f->pieces[f->count] = *piece;
	return &f->pieces[f->count++];
}

/* A copy with a NUL behind it; no text is longer than what it comes from. */
static struct text
keep(struct parser *p, struct text t)
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
	static const struct logformat_piece empty = {.what = LOGFORMAT_LITERAL};
	struct logformat *f = p->f;
	struct logformat_piece *last =
	    f->count > 0 ? &f->pieces[f->count - 1] : NULL;

	if (last == NULL || last->what != LOGFORMAT_LITERAL) {
		last = add_piece(p, &empty);
		last->text.at = f->text + p->used;
	}
	f->text[p->used++] = c;
	last->text.len++;
}

static bool
take_field(struct parser *p, struct logformat_piece *piece, struct text name)
{
	if (name.len == 0 || !chars_all(name.at, name.len, CHAR_TOKEN))
		return mistake(p, "the name of a field, as in %{Referer}i");
	piece->text = keep(p, name);
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
take_duration(struct parser *p, struct logformat_piece *piece, struct text t)
{
	piece->unit = CLOCK_SECOND;
	if (t.at == NULL)
		return true;
	if (take_prefix(&t, TEXT("queue:")))
		piece->what = LOGFORMAT_QUEUE_TIME;
	else if (take_prefix(&t, TEXT("first:")))
		piece->what = LOGFORMAT_FIRST_BYTE;
	if (!take_unit(t, &piece->unit))
		return mistake(p,
		    "%{UNIT}T, %{queue:UNIT}T or %{first:UNIT}T, UNIT being "
		    "s, ms or us");
	return true;
}

static bool
take_microseconds(
    struct parser *p, struct logformat_piece *piece, struct text t)
{
	if (t.at != NULL)
		return mistake(p, "no braces before D");
	piece->unit = MICROSECOND;
	return true;
}

/* Whether strftime(3) makes something of it that fits. */
static bool
is_date_format(const char *format)
{
	static const struct tm sample = {.tm_mday = 30, .tm_year = 100};
	char date[LOGFORMAT_DATE_SIZE];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	return strftime(date, sizeof(date), format, &sample) > 0;
#pragma GCC diagnostic pop
}

/* What a %{...}t may say besides a date's format. */
static const struct {
	const char *name;
	enum logformat_what what;
	int64_t unit;
} time_units[] = {
    {"", LOGFORMAT_TIME, 0},
    {"sec", LOGFORMAT_TIME_UNITS, CLOCK_SECOND},
    {"msec", LOGFORMAT_TIME_UNITS, CLOCK_MILLISECOND},
    {"usec", LOGFORMAT_TIME_UNITS, MICROSECOND},
    {"msec_frac", LOGFORMAT_TIME_FRACTION, CLOCK_MILLISECOND},
    {"usec_frac", LOGFORMAT_TIME_FRACTION, MICROSECOND},
};

static bool
take_time(struct parser *p, struct logformat_piece *piece, struct text t)
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
	piece->what = LOGFORMAT_TIME_STRFTIME;
	piece->text = keep(p, t);
	if (!is_date_format(piece->text.at))
		return mistake(p, "a format that strftime(3) makes a date of");
	return true;
}

static bool
take_port(struct parser *p, struct logformat_piece *piece, struct text t)
{
	if (text_equal(t, TEXT("remote")))
		piece->what = LOGFORMAT_CLIENT_PORT;
	else if (t.at == NULL || text_equal(t, TEXT("local")) ||
	    text_equal(t, TEXT("canonical")))
		p->f->wants_server_port = true;
	else
		return mistake(p, "%p, %{local}p or %{remote}p");
	return true;
}

static bool
take_process(struct parser *p, struct logformat_piece *piece, struct text t)
{
	if (text_equal(t, TEXT("worker")))
		piece->what = LOGFORMAT_WORKER;
	else if (t.at != NULL && !text_equal(t, TEXT("pid")))
		return mistake(p, "%P, %{pid}P or %{worker}P");
	return true;
}

/* %{c}a: the address that the connection comes from, as there is no other. */
static bool
take_client(struct parser *p, struct logformat_piece *piece, struct text t)
{
	(void)piece;
	if (t.at != NULL && !text_equal(t, TEXT("c")))
		return mistake(p, "%a or %{c}a");
	return true;
}

static const struct letter letters[] = {
    {'a', LOGFORMAT_CLIENT, take_client},
    {'b', LOGFORMAT_CONTENT_OR_DASH, NULL},
    {'B', LOGFORMAT_CONTENT, NULL},
    {'D', LOGFORMAT_DURATION, take_microseconds},
    {'h', LOGFORMAT_CLIENT, NULL},
    {'H', LOGFORMAT_PROTOCOL, NULL},
    {'i', LOGFORMAT_REQUEST_FIELD, take_field},
    {'I', LOGFORMAT_RECEIVED, NULL},
    {'k', LOGFORMAT_REQUESTS, NULL},
    {'l', LOGFORMAT_UNKNOWN, NULL},
    {'m', LOGFORMAT_METHOD, NULL},
    {'o', LOGFORMAT_RESPONSE_FIELD, take_field},
    {'O', LOGFORMAT_SENT, NULL},
    {'p', LOGFORMAT_SERVER_PORT, take_port},
    {'P', LOGFORMAT_PROCESS, take_process},
    {'q', LOGFORMAT_QUERY, NULL},
    {'r', LOGFORMAT_LINE, NULL},
    {'s', LOGFORMAT_STATUS, NULL},
    {'S', LOGFORMAT_TRANSFERRED, NULL},
    {'t', LOGFORMAT_TIME, take_time},
    {'T', LOGFORMAT_DURATION, take_duration},
    {'u', LOGFORMAT_UNKNOWN, NULL},
    {'U', LOGFORMAT_PATH, NULL},
    {'v', LOGFORMAT_HOST, NULL},
    {'V', LOGFORMAT_HOST, NULL},
    {'X', LOGFORMAT_END, NULL},
};

static bool
take_letter(struct parser *p, struct logformat_piece *piece, struct text braces)
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

/* Three digits of a status, and the comma before them. */
static bool
take_status(struct parser *p, struct logformat_piece *piece)
{
	struct text digits = {p->format + p->at, 0};
	uint64_t status;

	while (chars_is(digits.at[digits.len], CHAR_DIGIT))
		digits.len++;
	p->at += digits.len;
	if (digits.len != 3 || !text_to_number(digits, 599, &status) ||
	    piece->status_count == LOGFORMAT_STATUSES_MAX)
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
take_first_byte(struct parser *p, struct logformat_piece *piece)
{
	p->at++;
	if (!text_begins(text_of(p->format + p->at), TEXT("FB")))
		return mistake(p, "%^FB");
	p->at += strlen("FB");
	piece->what = LOGFORMAT_FIRST_BYTE;
	piece->unit = MICROSECOND;
	return true;
}

/* What is behind a "%". */
static bool
take_directive(struct parser *p)
{
	struct logformat_piece piece = {0};
	struct text braces = {NULL, 0};
	bool good = true;

	while (good) {
		char c = p->format[p->at];

		if (c == '{')
			good = take_braces(p, &braces);
		else if (chars_is(c, CHAR_DIGIT))
			good = take_status(p, &piece);
		else if (c == '!')
			piece.others = p->format[p->at++] == '!';
		else if (c == '<' || c == '>')
			p->at++; /* nothing is redirected inside */
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
	add_piece(p, &piece);
	return true;
}

/* \" and \\ as a file of Apache has them, \t; a line stays one line. */
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
take_next(struct parser *p)
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
parse_letters(struct logformat *f, const char *format, struct buffer *why)
{
	size_t len = strlen(format);
	struct parser p = {.f = f, .format = format, .why = why};

	if (strchr(format, '%') == NULL || len > LOGFORMAT_MAX) {
		buffer_add_string(why,
		    "common, combined, json, or up to 1024 bytes of letters "
		    "such as '%h %t \"%r\" %s'");
		return -1;
	}
	f->text = memory_get(len + 1);
	while (p.at < len)
		if (!take_next(&p)) {
			logformat_free(f);
			return -1;
		}
	return 0;
}

#define LITERAL(string)                                                        \
	{                                                                      \
		.what = LOGFORMAT_LITERAL, .text = {                           \
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
		.what = LOGFORMAT_REQUEST_FIELD, .json = true, .id = (name)    \
	}
#define TIME_OF(name)                                                          \
	{                                                                      \
		.what = (name), .json = true, .unit = MICROSECOND              \
	}

static const struct logformat_piece json[] = {
    LITERAL("{\"time\":"),
    VALUE(LOGFORMAT_TIME_UTC),
    LITERAL(",\"client\":"),
    VALUE(LOGFORMAT_CLIENT),
    LITERAL(",\"method\":"),
    VALUE(LOGFORMAT_METHOD),
    LITERAL(",\"target\":"),
    VALUE(LOGFORMAT_TARGET),
    LITERAL(",\"protocol\":"),
    VALUE(LOGFORMAT_PROTOCOL),
    LITERAL(",\"status\":"),
    VALUE(LOGFORMAT_STATUS),
    LITERAL(",\"bytes\":"),
    VALUE(LOGFORMAT_CONTENT),
    LITERAL(",\"duration_us\":"),
    TIME_OF(LOGFORMAT_DURATION),
    LITERAL(",\"queue_us\":"),
    TIME_OF(LOGFORMAT_QUEUE_TIME),
    LITERAL(",\"first_byte_us\":"),
    TIME_OF(LOGFORMAT_FIRST_BYTE),
    LITERAL(",\"worker\":"),
    VALUE(LOGFORMAT_WORKER),
    LITERAL(",\"reused\":"),
    VALUE(LOGFORMAT_REUSED),
    LITERAL(",\"host\":"),
    VALUE(LOGFORMAT_AUTHORITY),
    LITERAL(",\"referer\":"),
    FIELD(FIELD_REFERER),
    LITERAL(",\"user_agent\":"),
    FIELD(FIELD_USER_AGENT),
    LITERAL("}"),
};

static void
copy_json(struct logformat *f)
{
	f->count = sizeof(json) / sizeof(json[0]);
	f->pieces = memory_get_array(f->count, sizeof(json[0]));
	memcpy(f->pieces, json, sizeof(json));
}

int
logformat_parse(struct logformat *f, const char *format, struct buffer *why)
{
	*f = (struct logformat){0};
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

void
logformat_free(struct logformat *f)
{
	free(f->pieces);
	free(f->text);
	*f = (struct logformat){0};
}
