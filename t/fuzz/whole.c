#include "whole.h"

#include <string.h>

#include <http_parser.h>

#include "fuzz.h"

struct whole {
	struct text target;
	struct field fields[REQUEST_FIELDS_MAX];
	size_t count;
};

static int
on_target(http_parser *parser, const char *at, size_t len)
{
	struct whole *w = parser->data;

	w->target = (struct text){at, len};
	return 0;
}

static int
on_name(http_parser *parser, const char *at, size_t len)
{
	struct whole *w = parser->data;

	FUZZ_CHECK(w->count < REQUEST_FIELDS_MAX, "more fields");
	w->fields[w->count++] =
	    (struct field){.name = {at, len}, .value = {at + len, 0}};
	return 0;
}

static int
on_value(http_parser *parser, const char *at, size_t len)
{
	struct whole *w = parser->data;

	FUZZ_CHECK(w->count > 0, "a value without a name");
	if (len > 0)
		w->fields[w->count - 1].value =
		    text_trim((struct text){at, len});
	return 0;
}

static int
on_complete(http_parser *parser)
{
	parser->upgrade = 0;
	return 1;
}

static void
feed(http_parser *parser, const char *at, size_t len)
{
	static const http_parser_settings settings = {
	    .on_url = on_target,
	    .on_header_field = on_name,
	    .on_header_value = on_value,
	    .on_headers_complete = on_complete,
	};

	if (len == 0) /* to the parser, the end of file */
		return;
	FUZZ_CHECK(http_parser_execute(parser, &settings, at, len) == len &&
		HTTP_PARSER_ERRNO(parser) == HPE_OK,
	    "http-parser stops: %s, in \"%.*s\"",
	    http_errno_name(HTTP_PARSER_ERRNO(parser)), (int)len, at);
}

/* Without what lines are padded with: it stops at some tabs. */
static void
feed_all(http_parser *parser, const char *at, const char *end)
{
	while (at < end) {
		const char *lf = memchr(at, '\n', (size_t)(end - at));
		struct text line = {at, (size_t)(lf - at) - 1};

		line = text_trim(line);
		feed(parser, line.at, line.len);
		feed(parser, "\r\n", 2);
		at = lf + 1;
	}
}

void
whole_compare(const struct request *r, const char *head, size_t len)
{
	static struct whole w;
	http_parser parser;

	w.count = 0;
	http_parser_init(&parser, HTTP_REQUEST);
	parser.data = &w;
	feed_all(&parser, head, head + len);
	FUZZ_CHECK(parser.type == HTTP_REQUEST && parser.http_major == 1 &&
		(parser.http_minor > 0) == (r->minor > 0),
	    "HTTP/%d.%d", parser.http_major, parser.http_minor);
	FUZZ_CHECK(text_equal(w.target, r->target), "target is \"%.*s\"",
	    TEXT_ARG(w.target));
	FUZZ_CHECK(w.count == r->field_count, "%zu fields, not %zu", w.count,
	    r->field_count);
	for (size_t i = 0; i < w.count; i++) {
		FUZZ_CHECK(text_equal(w.fields[i].name, r->fields[i].name),
		    "name %zu", i);
		FUZZ_CHECK(text_equal(w.fields[i].value, r->fields[i].value),
		    "value %zu", i);
	}
}
