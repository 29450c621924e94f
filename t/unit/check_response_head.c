#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "http/response_head.h"
#include "unit.h"

static struct response_head h;

/* Finds and parses what is a head as a whole. */
static const char *
parse_as(const char *bytes, bool is_head)
{
	struct text head = guard_text(text_of(bytes));
	const char *wrong = NULL;
	size_t line = 0;
	size_t len = response_head_find(head, &line, &wrong);

	if (wrong != NULL)
		return wrong;
	ck_assert_uint_eq(len, head.len);
	return response_head_parse(head, is_head, &h);
}

static void
assert_good(const char *bytes)
{
	const char *wrong = parse_as(bytes, false);

	ck_assert_msg(wrong == NULL, "\"%s\": %s",
	    unit_show(bytes, strlen(bytes)), wrong);
}

static void
assert_wrong(const char *bytes, const char *words)
{
	const char *wrong = parse_as(bytes, false);

	ck_assert_msg(
	    wrong != NULL, "\"%s\" is taken", unit_show(bytes, strlen(bytes)));
	ck_assert_msg(strstr(wrong, words) != NULL, "\"%s\": no \"%s\" in: %s",
	    unit_show(bytes, strlen(bytes)), words, wrong);
}

/* All lines that are passed on. */
static void
assert_passes(const char *bytes, const char *wanted)
{
	struct text rest, line, name, value;
	struct buffer all = {0};

	assert_good(bytes);
	rest = h.fields;
	while (response_head_next(&h, &rest, &line, &name, &value))
		buffer_add_text(&all, line);
	ck_assert_str_eq(buffer_string(&all), wanted);
	buffer_free(&all);
}

TEST(a_head_ends_with_an_empty_line)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nA: b\r\n\r\ncontent\n\n";
	const size_t end = sizeof(head) - 1 - strlen("content\n\n");
	const char *wrong = NULL;
	size_t line = 0;

	for (size_t len = 0; len <= end; len++) { /* one byte after the other */
		struct text seen = guard_text((struct text){head, len});

		ck_assert_uint_eq(response_head_find(seen, &line, &wrong),
		    len < end ? 0 : end);
		ck_assert_ptr_null(wrong);
	}
	line = 0;
	ck_assert_uint_eq(
	    response_head_find(text_of(head), &line, &wrong), end);
}

TEST(lines_end_in_crlf)
{
	assert_wrong("HTTP/1.1 200 OK\n\n", "CRLF");
	assert_wrong("HTTP/1.1 200 OK\r\nA: b\nB: c\r\n\r\n", "CRLF");
	assert_wrong("HTTP/1.1 200 OK\r\nA: b\r\n\n", "CRLF");
	assert_wrong("HTTP/1.1 200 OK\r\nA: b\rB: c\r\n\r\n", "no field");
	assert_wrong("HTTP/1.1 200 OK\r\r\nA: b\r\n\r\n", "control bytes");
	assert_wrong("\r\n", "does not begin with");
}

TEST(the_status_line)
{
	assert_good("HTTP/1.1 200 OK\r\n\r\n");
	ck_assert_int_eq(h.status, 200);
	ck_assert_int_eq(h.minor, 1);
	assert_text_eq(h.reason, "OK");
	ck_assert(h.framing == RESPONSE_HEAD_CLOSE);
	assert_good("HTTP/1.0 599 \xe4h, no\r\n\r\n");
	ck_assert_int_eq(h.minor, 0);
	assert_text_eq(h.reason, "\xe4h, no");
	assert_good("HTTP/1.1 100 \r\n\r\n");
	assert_good("HTTP/1.1 404\r\n\r\n");
	assert_text_eq(h.reason, "");
	assert_good("HTTP/1.9 200 OK\r\n\r\n");
	assert_wrong("HTTP/2.0 200 OK\r\n\r\n", "begin with");
	assert_wrong("HTTP/1.1  200 OK\r\n\r\n", "status");
	assert_wrong("HTTP/1.1 20\r\n\r\n", "status");
	assert_wrong("HTTP/1.1 99 x\r\n\r\n", "status");
	assert_wrong("HTTP/1.1 099 x\r\n\r\n", "status");
	assert_wrong("HTTP/1.1 600 x\r\n\r\n", "status");
	assert_wrong("HTTP/1.1 2000 x\r\n\r\n", "status");
	assert_wrong("HTTP/1.1\t200 OK\r\n\r\n", "begin with");
	assert_wrong("HTTP/1.10 200 OK\r\n\r\n", "begin with");
	assert_wrong("http/1.1 200 OK\r\n\r\n", "begin with");
	assert_wrong("ICY 200 OK\r\n\r\n", "begin with");
	assert_wrong("HTTP/1.1 200 a\x01\r\n\r\n", "control bytes");
}

TEST(fields_have_their_grammar)
{
	assert_wrong("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "no field");
	assert_wrong("HTTP/1.1 200 OK\r\n A: b\r\n\r\n", "no field");
	assert_wrong("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "no field");
	assert_wrong("HTTP/1.1 200 OK\r\nA\r\n\r\n", "no field");
	assert_wrong("HTTP/1.1 200 OK\r\n: b\r\n\r\n", "no field");
	assert_wrong("HTTP/1.1 200 OK\r\nA: b\x7f\r\n\r\n", "no field");
}

TEST(there_are_not_too_many_fields)
{
	struct buffer b = {0};

	buffer_add_string(&b, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < RESPONSE_HEAD_FIELDS_MAX; i++)
		buffer_add_string(&b, "A: b\r\n");
	buffer_add_string(&b, "\r\n");
	assert_good(buffer_string(&b));
	b.len -= 2;
	buffer_add_string(&b, "A: b\r\n\r\n");
	assert_wrong(buffer_string(&b), "too many fields");
	buffer_clear(&b);
	buffer_add_string(&b, "HTTP/1.1 200 OK\r\nConnection: ");
	for (int i = 0; i <= RESPONSE_HEAD_OPTIONS_MAX; i++)
		buffer_add_string(&b, "a, ");
	buffer_add_string(&b, "\r\n\r\n");
	assert_wrong(buffer_string(&b), "too many options");
	buffer_free(&b);
}

TEST(the_end_of_the_content_is_certain)
{
	assert_good("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n");
	ck_assert(h.framing == RESPONSE_HEAD_LENGTH);
	ck_assert_uint_eq(h.length, 12);
	assert_good("HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n");
	ck_assert(h.framing == RESPONSE_HEAD_CHUNKED);
	assert_wrong("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n"
		     "Content-Length: 12\r\n\r\n",
	    "two Content-Length");
	assert_wrong(
	    "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n", "no number");
	assert_wrong(
	    "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n", "no number");
	assert_wrong("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", "no number");
	assert_wrong("HTTP/1.1 200 OK\r\nContent-Length: "
		     "1000000000000000000\r\n\r\n",
	    "no number");
	assert_wrong("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
		     "Content-Length: 1\r\n\r\n",
	    "both");
	assert_wrong("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n"
		     "\r\n",
	    "another than chunked");
	assert_wrong("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
		     "Transfer-Encoding: chunked\r\n\r\n",
	    "another than chunked");
	assert_wrong("HTTP/1.1 200 OK\r\nTransfer-Encoding: \x0b"
		     "chunked\r\n\r\n",
	    "no field");
	assert_wrong(
	    "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1.0");
	assert_wrong(
	    "HTTP/1.1 304 x\r\nContent-Length: a\r\n\r\n", "no number");
}

TEST(some_responses_have_no_content)
{
	static const char *const heads[] = {
	    "HTTP/1.1 204 x\r\n\r\n",
	    "HTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n",
	    "HTTP/1.1 103 x\r\n\r\n",
	};

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		assert_good(heads[i]);
		ck_assert(h.framing == RESPONSE_HEAD_NONE);
		ck_assert(h.keep_alive);
	}
	ck_assert_ptr_null(
	    parse_as("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", true));
	ck_assert(h.framing == RESPONSE_HEAD_NONE);
	ck_assert(h.has_length);
	ck_assert_uint_eq(h.length, 9);
	/* What follows is not to be believed. */
	assert_good("HTTP/1.1 204 x\r\nContent-Length: 9\r\n\r\n");
	ck_assert(!h.keep_alive);
	assert_good("HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n");
	ck_assert(!h.keep_alive);
}

TEST(connections_persist)
{
	assert_good("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	ck_assert(h.keep_alive);
	assert_good("HTTP/1.1 200 OK\r\n\r\n");
	ck_assert(!h.keep_alive);
	assert_good("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
		    "Connection: a, CLOSE\r\n\r\n");
	ck_assert(!h.keep_alive);
	assert_good("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
	ck_assert(!h.keep_alive);
	assert_good("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n"
		    "Connection: keep-alive\r\n\r\n");
	ck_assert(h.keep_alive);
	assert_good("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
		    "Connection: keep-alive\r\nConnection: close\r\n\r\n");
	ck_assert(!h.keep_alive);
}

TEST(fields_of_the_connection_are_not_passed_on)
{
	assert_passes("HTTP/1.1 200 OK\r\n\r\n", "");
	assert_passes(
	    "HTTP/1.1 200 OK\r\n"
	    "Server: x\r\nX-One:1\r\nConnection: X-Two, keep-alive\r\n"
	    "x-two: 2\r\nKeep-Alive: timeout=5\r\nX-Three:  3 \r\n"
	    "Transfer-Encoding: chunked\r\nTrailer: X\r\n"
	    "Upgrade: h2c\r\nProxy-Connection: x\r\nTE: x\r\n"
	    "Set-Cookie: a\r\nSet-Cookie: b\r\n\r\n",
	    "X-One:1\r\nX-Three:  3 \r\nSet-Cookie: a\r\nSet-Cookie: b\r\n");
}

TEST(one_date_is_known)
{
	assert_good("HTTP/1.1 200 OK\r\ndate: now\r\n\r\n");
	assert_text_eq(h.date, "now");
	assert_good("HTTP/1.1 200 OK\r\nDate: now\r\nDate: then\r\n\r\n");
	assert_text_eq(h.date, "");
	assert_good("HTTP/1.1 200 OK\r\n\r\n");
	assert_text_eq(h.date, "");
}
