#include <string.h>

#include <http_parser.h>

#include "base/chars.h"
#include "base/span.h"
#include "http/framing.h"
#include "http/grammar.h"
#include "http/request_head.h"
#include "http/uri.h"

static enum request_head_found
request_head_refuse(struct request_head_scan *scan, int status)
{
	scan->status = status;
	return REQUEST_HEAD_REFUSED;
}

/* Returns the offset at which the line or the head is too long. */
static size_t
limit_of(const struct request_head_scan *scan, size_t max)
{
	size_t line = REQUEST_HEAD_LINE_MAX + strlen("\r\n");

	return scan->start + (scan->lines == 0 && line < max ? line : max);
}

/* Refuses a request line that is too long, by its first len bytes. */
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
 * Finds the CRLF that ends the current line.  Checks bytes in their order: a
 * bare CR or LF before the limit is a 400, however many bytes have arrived.
 */
static enum request_head_found
find_line_end(
    struct request_head_scan *scan, const char *bytes, size_t len, size_t max)
{
	size_t limit = limit_of(scan, max);
	size_t end = len < limit ? len : limit;
	size_t at = scan->at + span_line(bytes + scan->at, end - scan->at);

	if (at + 1 < end && bytes[at] == '\r' && bytes[at + 1] == '\n') {
		scan->at = at + strlen("\r\n");
		return REQUEST_HEAD_COMPLETE;
	}
	if (at < end && (bytes[at] == '\n' || at + 1 < end))
		return request_head_refuse(scan, 400);
	if (end == limit)
		return request_head_refuse(scan,
		    scan->lines > 0 ? 431
				    : status_of_long_line(bytes + scan->start,
					  limit - scan->start));
	scan->at = at;
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
			return request_head_refuse(scan, 400);
		if (empty)
			scan->start = scan->at;
		else if (++scan->lines > 1 + REQUEST_FIELDS_MAX)
			return request_head_refuse(scan, 431);
		scan->line = scan->at;
	}
}

bool
request_head_has_begun(const struct request_head_scan *scan, size_t len)
{
	return scan->lines > 0 || len > scan->line;
}

/* Cuts the bytes up to the first space off *rest. */
static bool
request_head_take_word(struct text *rest, struct text *word)
{
	const char *space = memchr(rest->at, ' ', rest->len);

	if (space == NULL || space == rest->at)
		return false;
	*word = (struct text){rest->at, (size_t)(space - rest->at)};
	rest->at += word->len + 1;
	rest->len -= word->len + 1;
	return true;
}

/* HTTP-version of RFC 9112, 2.3: single digits, case-sensitive. */
static int
check_version(struct text t, struct request *r)
{
	if (t.len != strlen("HTTP/1.1") ||
	    memcmp(t.at, "HTTP/", strlen("HTTP/")) != 0 ||
	    !chars_is(t.at[5], CHAR_DIGIT) || t.at[6] != '.' ||
	    !chars_is(t.at[7], CHAR_DIGIT))
		return 400;
	if (t.at[5] != '1')
		return 505;
	r->minor = t.at[7] == '0' ? 0 : 1; /* RFC 9110, 2.5 */
	return 0;
}

/* The target of CONNECT is no resource of a server: RFC 9110, 9.3.6. */
static bool
is_accepted(const struct request *r, struct text method)
{
	return r->takes_any_method && !text_equal(method, TEXT("CONNECT"));
}

static int
check_request_line(struct request *r, bool *plain)
{
	struct text rest = r->line;
	struct text method;
	struct uri uri;
	int status;

	if (!request_head_take_word(&rest, &method) ||
	    !request_head_take_word(&rest, &r->target))
		return 400;
	r->method = method_of(method);
	if (r->method == METHOD_UNKNOWN &&
	    !chars_all(method.at, method.len, CHAR_TOKEN))
		return 400;
	if ((status = check_version(rest, r)) != 0)
		return status;
	if (r->method == METHOD_UNKNOWN && is_accepted(r, method))
		r->method = METHOD_OTHER;
	if (r->method == METHOD_UNKNOWN)
		return 501;
	if ((status = uri_parse(r->target, r->method, &uri)) != 0)
		return status;
	*plain = uri.plain;
	r->asterisk = uri.asterisk;
	r->unencoded = uri.unencoded;
	r->host = uri.authority;
	r->raw_path = uri.path;
	r->query = uri.query;
	r->has_query = uri.has_query;
	return 0;
}

/* Adds fields[field_count], whose name and value are set. */
static void
request_head_add_field(struct request *r)
{
	size_t i = r->field_count++;
	enum field_id id = request_field_id(r->fields[i].name);

	r->fields[i].id = id;
	if (r->counts[id]++ == 0)
		r->firsts[id] = (unsigned char)i;
}

static bool
is_line_end(const char *at, const char *end)
{
	return end - at >= 2 && memcmp(at, "\r\n", 2) == 0;
}

/*
 * Takes the lines up to the empty one, and returns the end of that, or NULL.
 * Refuses obs-fold: a line that begins with whitespace is no field line.
 */
static const char *
request_head_take_fields(const char *at, const char *end, struct request *r)
{
	while (!is_line_end(at, end)) {
		struct field *f = &r->fields[r->field_count];
		struct text line = {at, (size_t)(end - at)};

		if (r->field_count == REQUEST_FIELDS_MAX)
			return NULL;
		at += grammar_field(line, &f->name, &f->value);
		if (at == line.at || !is_line_end(at, end))
			return NULL;
		at += 2;
		request_head_add_field(r);
	}
	return at + 2;
}

/* The result of http-parser for a line. */
struct reading {
	struct text target, name, value;
};

/* The target may come in two pieces: see feed_request_line. */
static int
on_target(http_parser *parser, const char *at, size_t len)
{
	struct text *target = &((struct reading *)parser->data)->target;

	if (target->at == NULL)
		target->at = at;
	target->len = (size_t)(at + len - target->at);
	return 0;
}

static int
on_name(http_parser *parser, const char *at, size_t len)
{
	((struct reading *)parser->data)->name = (struct text){at, len};
	return 0;
}

/* The parser calls this again with no bytes between a line and its CRLF. */
static int
on_value(http_parser *parser, const char *at, size_t len)
{
	if (len > 0)
		((struct reading *)parser->data)->value =
		    (struct text){at, len};
	return 0;
}

/* Returns 1: the parser does not parse the content; body.c does. */
static int
on_complete(http_parser *parser)
{
	parser->upgrade = 0;
	return 1;
}

/* len must not be 0, which the parser takes for the end of the connection. */
static bool
feed(http_parser *parser, const char *at, size_t len)
{
	static const http_parser_settings settings = {
	    .on_url = on_target,
	    .on_header_field = on_name,
	    .on_header_value = on_value,
	    .on_headers_complete = on_complete,
	};

	return http_parser_execute(parser, &settings, at, len) == len &&
	    HTTP_PARSER_ERRNO(parser) == HPE_OK;
}

static bool
feed_line_end(http_parser *parser)
{
	return feed(parser, "\r\n", strlen("\r\n"));
}

static bool
is_same(struct text a, struct text b)
{
	return a.len == b.len && (a.len == 0 || a.at == b.at);
}

/*
 * The parser gets only the first byte of a plain target, the "/".  None of the
 * other bytes can begin or end anything, and to parse them would cost more than
 * all other lines of the head.
 */
static bool
feed_request_line(http_parser *parser, const struct request *r, bool plain)
{
	const char *end = r->line.at + r->line.len + strlen("\r\n");
	const char *path = r->target.at + 1;
	const char *behind = r->target.at + r->target.len;
	const char *method = r->line.at;

	if (r->method == METHOD_OTHER) { /* the parser knows few names */
		method += request_method_name(r).len;
		if (!feed(parser, "POST", strlen("POST")))
			return false;
	}
	if (!plain)
		return feed(parser, method, (size_t)(end - method));
	return feed(parser, method, (size_t)(path - method)) &&
	    feed(parser, behind, (size_t)(end - behind));
}

/*
 * The parser does not accept a tab after a Content-Length.  So it gets the line
 * without the whitespace at its end.
 */
static bool
agrees_on_field(http_parser *parser, const struct field *f)
{
	struct reading *reading = parser->data;
	size_t len = (size_t)(f->value.at - f->name.at) + f->value.len;

	*reading = (struct reading){0};
	return feed(parser, f->name.at, len) && feed_line_end(parser) &&
	    is_same(reading->name, f->name) &&
	    is_same(reading->value, f->value);
}

/*
 * The parser must agree on the lines that determine the target and the end of
 * the message: the request line, and the fields of its framing.
 */
static bool
parser_agrees(const struct request *r, bool plain)
{
	struct reading reading = {0};
	unsigned left = r->counts[FIELD_CONTENT_LENGTH] +
	    r->counts[FIELD_TRANSFER_ENCODING];
	http_parser parser;

	http_parser_init(&parser, HTTP_REQUEST);
	parser.data = &reading;
	if (!feed_request_line(&parser, r, plain) ||
	    !is_same(reading.target, r->target))
		return false;
	for (size_t i = 0; left > 0; i++) {
		const struct field *f = &r->fields[i];

		if (f->id != FIELD_CONTENT_LENGTH &&
		    f->id != FIELD_TRANSFER_ENCODING)
			continue;
		if (!agrees_on_field(&parser, f))
			return false;
		left--;
	}
	return feed_line_end(&parser);
}

/* Returns 0 and sets *len to the length of the head, or returns a status. */
static int
parse(const char *bytes, size_t *len, struct request *r)
{
	const char *end = bytes + *len;
	const char *at = bytes + span_line(bytes, *len);
	bool plain;
	int status;

	request_reset(r);
	r->line = (struct text){bytes, (size_t)(at - bytes)};
	if ((status = check_request_line(r, &plain)) != 0)
		return status;
	if (!is_line_end(at, end) ||
	    (at = request_head_take_fields(at + 2, end, r)) == NULL ||
	    !parser_agrees(r, plain))
		return 400;
	*len = (size_t)(at - bytes);
	return framing_check(r);
}

int
request_head_parse(const char *head, size_t len, struct request *r)
{
	size_t used = len;
	int status = parse(head, &used, r);

	return status == 0 && used != len ? 400 : status;
}

size_t
request_head_take(const char *bytes, size_t len, size_t max, struct request *r)
{
	if (parse(bytes, &len, r) != 0 || len > max ||
	    r->line.len > REQUEST_HEAD_LINE_MAX)
		return 0;
	return len;
}
