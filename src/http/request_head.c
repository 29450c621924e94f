#include <string.h>

#include <http_parser.h>

#include "base/chars.h"
#include "http/framing.h"
#include "http/grammar.h"
#include "http/request_head.h"
#include "http/uri.h"

static enum request_head_found
refuse(struct request_head_scan *scan, int status)
{
	scan->status = status;
	return REQUEST_HEAD_REFUSED;
}

/* The offset at which the line, or else the head, has become too long. */
static size_t
limit_of(const struct request_head_scan *scan, size_t max)
{
	size_t line = REQUEST_HEAD_LINE_MAX + strlen("\r\n");

	return scan->start + (scan->lines == 0 && line < max ? line : max);
}

/* Of a request line that is too long: its first len bytes. */
static int
status_of_long_line(const char *line, size_t len)
{
	const char *space = memchr(line, ' ', len);
	struct text method = {
	    line, space != NULL ? (size_t)(space - line) : len};

	return method.len > 0 && method_of(method) == METHOD_UNKNOWN &&
		chars_all(method.at, method.len, CHAR_TOKEN)
	    ? 501
	    : 414;
}

/*
 * Finds the CRLF that ends the present line.  Bytes are judged in their
 * order: a bare CR or LF before the limit is 400, however much has come.
 */
static enum request_head_found
find_line_end(
    struct request_head_scan *scan, const char *bytes, size_t len, size_t max)
{
	size_t limit = limit_of(scan, max);
	size_t end = len < limit ? len : limit;
	const char *from = bytes + scan->at;
	const char *lf = memchr(from, '\n', end - scan->at);
	const char *stop = lf != NULL ? lf : bytes + end;
	const char *cr = memchr(from, '\r', (size_t)(stop - from));

	if (lf != NULL && cr != lf - 1)
		return refuse(scan, 400);
	if (lf != NULL) {
		scan->at = (size_t)(lf - bytes) + 1;
		return REQUEST_HEAD_COMPLETE;
	}
	if (cr != NULL && cr + 1 < stop)
		return refuse(scan, 400);
	if (end == limit)
		return refuse(scan,
		    scan->lines > 0 ? 431
				    : status_of_long_line(bytes + scan->start,
					  limit - scan->start));
	scan->at = cr != NULL ? (size_t)(cr - bytes) : end;
	return REQUEST_HEAD_MORE;
}

enum request_head_found
request_head_find(
    struct request_head_scan *scan, const char *bytes, size_t len, size_t max)
{
	for (;;) {
		enum request_head_found found =
		    find_line_end(scan, bytes, len, max);
		bool empty = scan->at - scan->line == strlen("\r\n");

		if (found != REQUEST_HEAD_COMPLETE)
			return found;
		if (empty && scan->lines > 0) {
			scan->end = scan->at;
			return REQUEST_HEAD_COMPLETE;
		}
		if (empty && ++scan->empties > REQUEST_HEAD_EMPTY_LINES_MAX)
			return refuse(scan, 400);
		if (empty)
			scan->start = scan->at;
		else if (++scan->lines > 1 + REQUEST_FIELDS_MAX)
			return refuse(scan, 431);
		scan->line = scan->at;
	}
}

bool
request_head_has_begun(const struct request_head_scan *scan, size_t len)
{
	return scan->lines > 0 || len > scan->line;
}

/* Takes the bytes up to the first space off the front of *rest. */
static bool
take_word(struct text *rest, struct text *word)
{
	const char *space = memchr(rest->at, ' ', rest->len);

	if (space == NULL || space == rest->at)
		return false;
	*word = (struct text){rest->at, (size_t)(space - rest->at)};
	rest->at += word->len + 1;
	rest->len -= word->len + 1;
	return true;
}

/* HTTP-version of RFC 9112, 2.3: one digit each, and case counts. */
static int
check_version(struct text t, struct request *r)
{
	if (t.len != strlen("HTTP/1.1") || !text_begins(t, TEXT("HTTP/")) ||
	    !chars_is(t.at[5], CHAR_DIGIT) || t.at[6] != '.' ||
	    !chars_is(t.at[7], CHAR_DIGIT))
		return 400;
	if (t.at[5] != '1')
		return 505;
	r->minor = t.at[7] == '0' ? 0 : 1; /* RFC 9110, 2.5 */
	return 0;
}

static int
check_request_line(struct request *r)
{
	struct text rest = r->line;
	struct text method;
	struct uri uri;
	int status;

	if (!take_word(&rest, &method) || !take_word(&rest, &r->target) ||
	    !chars_all(method.at, method.len, CHAR_TOKEN))
		return 400;
	if ((status = check_version(rest, r)) != 0)
		return status;
	r->method = method_of(method);
	if (r->method == METHOD_UNKNOWN)
		return 501;
	if ((status = uri_parse(r->target, r->method, &uri)) != 0)
		return status;
	r->asterisk = uri.asterisk;
	r->unencoded = uri.unencoded;
	r->host = uri.authority;
	r->raw_path = uri.path;
	r->query = uri.query;
	r->has_query = uri.has_query;
	return 0;
}

/* What check_field_lines finds out. */
struct field_lines {
	size_t count;
	bool padded; /* a line ends with white space */
};

/* No folding: a line that begins with white space is no field line. */
static bool
check_field_lines(const char *at, const char *end, struct field_lines *out)
{
	*out = (struct field_lines){0};
	while (at < end - strlen("\r\n")) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));
		struct text line = {at, (size_t)(lf - at) - 1};

		if (!grammar_field_line(line))
			return false;
		if (text_trim(line).len < line.len)
			out->padded = true;
		at = lf + 1;
		out->count++;
	}
	return true;
}

static int
on_field(http_parser *parser, const char *at, size_t len)
{
	struct request *r = parser->data;

	if (r->field_count == REQUEST_FIELDS_MAX)
		return -1;
	r->fields[r->field_count++] =
	    (struct field){.name = {at, len}, .value = {at + len, 0}};
	return 0;
}

/* Called once more, for nothing, where the parser is fed line by line. */
static int
on_value(http_parser *parser, const char *at, size_t len)
{
	struct request *r = parser->data;

	if (r->field_count == 0)
		return -1;
	if (len > 0)
		r->fields[r->field_count - 1].value =
		    text_trim((struct text){at, len});
	return 0;
}

/* 1: the content is not the parser's (it is body.c's). */
static int
on_complete(http_parser *parser)
{
	parser->upgrade = 0;
	return 1;
}

/* Not to be called with nothing: to the parser, that is the end of file. */
static bool
feed(http_parser *parser, const char *at, size_t len)
{
	static const http_parser_settings settings = {
	    .on_header_field = on_field,
	    .on_header_value = on_value,
	    .on_headers_complete = on_complete,
	};

	return http_parser_execute(parser, &settings, at, len) == len &&
	    HTTP_PARSER_ERRNO(parser) == HPE_OK;
}

/*
 * The parser takes a tab for white space, but not behind a Content-Length: it
 * gets the lines without what they are padded with.
 */
static bool
feed_trimmed(http_parser *parser, const char *at, const char *end)
{
	while (at < end) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));
		struct text line = {at, (size_t)(lf - at) - 1};

		line = text_trim(line); /* it begins with a token */
		if ((line.len > 0 && !feed(parser, line.at, line.len)) ||
		    !feed(parser, "\r\n", 2))
			return false;
		at = lf + 1;
	}
	return true;
}

static bool
split_fields(const char *head, size_t len, bool padded, struct request *r)
{
	http_parser parser;

	http_parser_init(&parser, HTTP_REQUEST);
	parser.data = r;
	return padded ? feed_trimmed(&parser, head, head + len)
		      : feed(&parser, head, len);
}

static void
index_fields(struct request *r)
{
	for (size_t i = 0; i < r->field_count; i++) {
		struct field *f = &r->fields[i];

		f->id = request_field_id(f->name);
		if (r->counts[f->id]++ == 0)
			r->firsts[f->id] = (unsigned char)i;
	}
}

int
request_head_parse(const char *head, size_t len, struct request *r)
{
	const char *lf = memchr(head, '\n', len);
	struct field_lines lines;
	int status;

	r->line = (struct text){head, (size_t)(lf - head) - 1};
	if ((status = check_request_line(r)) != 0)
		return status;
	if (!check_field_lines(lf + 1, head + len, &lines) ||
	    !split_fields(head, len, lines.padded, r) ||
	    lines.count != r->field_count)
		return 400;
	index_fields(r);
	return framing_check(r);
}
