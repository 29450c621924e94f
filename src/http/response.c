#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/span.h"
#include "http/date.h"
#include "http/range.h"
#include "http/response.h"
#include "http/status_code.h"

#define SERVER_LINE "Server: tined\r\n"

_Static_assert(RESPONSE_PIECES_MAX >= 2 * RANGES_MAX + 1,
    "a head and a region for each range, and the end");

/* Does not clear the 16 kB of pieces, as piece_count makes them empty. */
void
response_init(struct response *r)
{
	memset(r, 0, offsetof(struct response, pieces));
	r->status = 200;
	r->file = -1;
}

void
response_set_file(struct response *r, int file, bool is_lent)
{
	if (r->file != -1 && r->file != file && !r->file_is_lent)
		close(r->file);
	r->file = file;
	r->file_is_lent = is_lent;
}

void
response_reset(struct response *r)
{
	response_set_file(r, -1, false);
	r->status = 200;
	r->reason.len = 0;
	buffer_clear(&r->fields);
	r->has_date = false;
	buffer_shrink(&r->text, RESPONSE_TEXT_KEPT);
	r->piece_count = 0;
	r->length = 0;
	r->mistake = NULL;
	r->wants_page = false;
	r->streaming = false;
	r->broken_off = false;
	r->has_declared_length = false;
}

void
response_free(struct response *r)
{
	response_reset(r);
	buffer_free(&r->reason);
	buffer_free(&r->fields);
	buffer_free(&r->text);
}

bool
response_field_is_valid(struct text name, struct text value)
{
	return name.len > 0 && span_token(name.at, name.len) == name.len &&
	    span_value(value.at, value.len) == value.len;
}

bool
response_field_is_own(struct text name)
{
	static const struct text own[] = {
	    {"Connection", 10},
	    {"Content-Length", 14},
	    {"Date", 4},
	    {"Keep-Alive", 10},
	    {"Proxy-Connection", 16},
	    {"Server", 6},
	    {"TE", 2},
	    {"Trailer", 7},
	    {"Transfer-Encoding", 17},
	    {"Upgrade", 7},
	};

	return text_is_one_of(name, own, sizeof(own) / sizeof(own[0]));
}

static const char *
field_mistake(struct text name, struct text value)
{
	if (!response_field_is_valid(name, value))
		return "a field's name or value has bytes that no field may have";
	if (response_field_is_own(name))
		return "it sets a field that only the connection may set";
	return NULL;
}

const char *
response_mistake(const struct response *r)
{
	if (!status_code_is_final(r->status))
		return "its status is none of 200 to 599";
	return r->mistake;
}

int
response_field(struct response *r, struct text name, struct text value)
{
	const char *mistake = field_mistake(name, value);

	if (mistake != NULL) {
		r->mistake = mistake;
		return -1;
	}
	buffer_add_text(&r->fields, name);
	buffer_add(&r->fields, ": ", 2);
	buffer_add_text(&r->fields, value);
	buffer_add(&r->fields, "\r\n", 2);
	return 0;
}

/* Takes the lines with that name out of response.fields. */
static void
remove_field(struct response *r, struct text name)
{
	size_t at = 0;

	while (at < r->fields.len) {
		char *line = r->fields.data + at;
		char *end = memchr(line, '\n', r->fields.len - at);
		size_t len = (size_t)(end + 1 - line);

		if (len <= name.len || line[name.len] != ':' ||
		    !text_equal_nocase((struct text){line, name.len}, name)) {
			at += len;
			continue;
		}
		memmove(line, line + len, r->fields.len - at - len);
		r->fields.len -= len;
	}
}

int
response_set_field(struct response *r, struct text name, struct text value)
{
	remove_field(r, name);
	return response_field(r, name, value);
}

void
response_set_reason(struct response *r, struct text reason)
{
	if (span_value(reason.at, reason.len) != reason.len) {
		r->mistake = "its reason phrase has control bytes";
		return;
	}
	buffer_clear(&r->reason);
	buffer_add_text(&r->reason, reason);
}

void
response_add_fields(struct response *r, struct text lines)
{
	buffer_add_text(&r->fields, lines);
}

int
response_vprintf_field(
    struct response *r, const char *name, const char *format, va_list args)
{
	char value[256], *longer = NULL;
	va_list again;
	int len, result;

	va_copy(again, args);
	len = vsnprintf(value, sizeof(value), format, args);
	assert(len >= 0 && "response_printf_field: a wrong format");
	if ((size_t)len >= sizeof(value)) {
		longer = memory_get((size_t)len + 1);
		vsnprintf(longer, (size_t)len + 1, format, again);
	}
	va_end(again);
	result = response_field(r, text_of(name),
	    (struct text){longer != NULL ? longer : value, (size_t)len});
	free(longer);
	return result;
}

int
response_printf_field(
    struct response *r, const char *name, const char *format, ...)
{
	va_list args;
	int result;

	va_start(args, format);
	result = response_vprintf_field(r, name, format, args);
	va_end(args);
	return result;
}

void
response_no_sniffing(struct response *r)
{
	response_field(r, TEXT("X-Content-Type-Options"), TEXT("nosniff"));
}

static const char mixed[] = "its content is both pieces and a stream";

static void
response_add_piece(struct response *r, struct piece piece)
{
	if (r->piece_count == RESPONSE_PIECES_MAX) {
		r->mistake = "its content has too many pieces";
		return;
	}
	if (r->streaming)
		r->mistake = mixed;
	r->pieces[r->piece_count++] = piece;
	r->length += piece.length;
}

void
response_add_bytes(struct response *r, const char *bytes, size_t len)
{
	response_add_piece(r,
	    (struct piece){.kind = PIECE_BYTES, .bytes = bytes, .length = len});
}

void
response_add_copy(struct response *r, const char *bytes, size_t len)
{
	response_add_piece(r,
	    (struct piece){.kind = PIECE_COPY, .bytes = bytes, .length = len});
}

void
response_add_text(struct response *r, size_t offset)
{
	response_add_piece(r,
	    (struct piece){.kind = PIECE_TEXT,
		.offset = offset,
		.length = r->text.len - offset});
}

void
response_add_file(struct response *r, uint64_t offset, uint64_t length)
{
	response_add_piece(r,
	    (struct piece){
		.kind = PIECE_FILE, .offset = offset, .length = length});
}

/* Copies that follow each other directly are one piece. */
void
response_add_own(struct response *r, const char *bytes, size_t len)
{
	size_t offset = r->text.len;
	struct piece *last =
	    r->piece_count > 0 ? &r->pieces[r->piece_count - 1] : NULL;

	buffer_add(&r->text, bytes, len);
	if (last != NULL && last->kind == PIECE_TEXT &&
	    last->offset + last->length == offset) {
		last->length += len;
		r->length += len;
	} else {
		response_add_text(r, offset);
	}
}

void
response_stream(struct response *r, uint64_t sent)
{
	if (r->piece_count > 0)
		r->mistake = mixed;
	if (r->has_declared_length && sent + r->text.len > r->declared_length)
		r->mistake = "it is longer than the length that it declared";
	r->streaming = true;
}

void
response_declare_length(struct response *r, uint64_t length)
{
	response_stream(r, 0);
	r->has_declared_length = true;
	r->declared_length = length;
}

static void
add_status_line(struct buffer *out, const struct response *r)
{
	buffer_add_text(out, TEXT("HTTP/1.1 "));
	buffer_add_number(out, (uint64_t)r->status);
	buffer_add_char(out, ' ');
	buffer_add_text(out,
	    r->reason.len > 0 ? buffer_text(&r->reason)
			      : status_code_reason(r->status));
	buffer_add_text(out, TEXT("\r\n" SERVER_LINE));
}

/* Formatted once a second. */
static void
response_add_date(struct buffer *out)
{
	static char line[] = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
	static time_t formatted;
	time_t now = time(NULL);
	char date[DATE_SIZE];

	if (now != formatted) {
		date_format(now, date);
		snprintf(line, sizeof(line), "Date: %s\r\n", date);
		formatted = now;
	}
	buffer_add(out, line, sizeof(line) - 1);
}

void
response_add_head(const struct response *r,
    const struct response_framing *framing, struct text extra,
    struct buffer *out)
{
	add_status_line(out, r);
	if (!framing->undated &&
	    !r->has_date) /* errors need no Date: RFC 9110, 6.6.1 */
		response_add_date(out);
	buffer_add_text(out, buffer_text(&r->fields));
	buffer_add_text(out, extra);
	if (framing->has_length) {
		buffer_add_text(out, TEXT("Content-Length: "));
		buffer_add_number(out, framing->length);
		buffer_add_text(out, TEXT("\r\n"));
	}
	if (framing->chunked)
		buffer_add_text(out, TEXT("Transfer-Encoding: chunked\r\n"));
	if (framing->close)
		buffer_add_text(out, TEXT("Connection: close\r\n"));
	else if (framing->keep_alive)
		buffer_add_text(out, TEXT("Connection: keep-alive\r\n"));
	buffer_add_text(out, TEXT("\r\n"));
}

void
response_status_page(struct response *r, int status)
{
	response_reset(r);
	r->status = status;
	r->wants_page = true;
	r->advice = NULL;
}

void
response_add_page(struct response *r)
{
	struct text reason = status_code_reason(r->status);

	response_field(
	    r, TEXT("Content-Type"), TEXT("text/html; charset=utf-8"));
	response_no_sniffing(r);
	buffer_printf(&r->text,
	    "<!doctype html>\n"
	    "<html lang=\"en\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width\">\n"
	    "<title>%d %.*s</title>\n"
	    "<style>\n"
	    ":root { color-scheme: light dark }\n"
	    "body { font: 1.1rem/1.5 system-ui, sans-serif; "
	    "margin: 10vh auto; max-width: 32rem; padding: 0 1rem }\n"
	    "h1 { font-size: 1.6rem }\n"
	    "</style>\n"
	    "<h1>%d %.*s</h1>\n"
	    "<p>%s</p>\n"
	    "</html>\n",
	    r->status, TEXT_ARG(reason), r->status, TEXT_ARG(reason),
	    r->advice != NULL ? r->advice : status_code_advice(r->status));
	response_add_text(r, 0);
}
