#include <string.h>

#include "guard.h"
#include "handlers/cgi_response.h"
#include "unit.h"

static struct cgi_response r;

static size_t
length_of(const char *bytes)
{
	struct text head = guard_text(text_of(bytes));
	size_t looked = 0;

	return cgi_response_head_length(head, &looked);
}

/* Parses what is a head as a whole. */
static const char *
parse(const char *bytes)
{
	struct text head = guard_text(text_of(bytes));
	size_t looked = 0;

	ck_assert_uint_eq(cgi_response_head_length(head, &looked), head.len);
	return cgi_response_parse(head, &r);
}

static void
assert_good(const char *bytes)
{
	const char *wrong = parse(bytes);

	ck_assert_msg(wrong == NULL, "\"%s\": %s",
	    unit_show(bytes, strlen(bytes)), wrong);
}

static void
assert_wrong(const char *bytes, const char *words)
{
	const char *wrong = parse(bytes);

	ck_assert_msg(
	    wrong != NULL, "\"%s\" is taken", unit_show(bytes, strlen(bytes)));
	ck_assert_msg(strstr(wrong, words) != NULL, "\"%s\": no \"%s\" in: %s",
	    unit_show(bytes, strlen(bytes)), words, wrong);
}

TEST(a_head_ends_with_an_empty_line)
{
	ck_assert_uint_eq(length_of(""), 0);
	ck_assert_uint_eq(length_of("A: b"), 0);
	ck_assert_uint_eq(length_of("A: b\n"), 0);
	ck_assert_uint_eq(length_of("A: b\r\n"), 0);
	ck_assert_uint_eq(length_of("A: b\r\n\r"), 0);
	ck_assert_uint_eq(length_of("A: b\n\n"), 6);
	ck_assert_uint_eq(length_of("A: b\r\n\r\n"), 8);
	ck_assert_uint_eq(length_of("A: b\n\r\ncontent\n\n"), 7);
	ck_assert_uint_eq(length_of("A: b\r\n\ncontent"), 7);
	ck_assert_uint_eq(length_of("\ncontent"), 1);
	ck_assert_uint_eq(length_of("\r\ncontent"), 2);
	ck_assert_uint_eq(length_of("A: b\r\r\n"), 0);
}

TEST(the_end_is_found_in_whatever_pieces_it_comes)
{
	static const char *const heads[] = {
	    "A: b\nC: d\n\nrest\n\n",
	    "A: b\r\nC: d\r\n\r\nrest",
	    "\r\n",
	    "\n\n",
	};

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		const size_t len = strlen(heads[i]);
		const size_t wanted = length_of(heads[i]);

		for (size_t way = 0; way < guard_ways(len); way++) {
			size_t had = 0, looked = 0, found = 0;

			while (found == 0 && had < len) {
				had = guard_next(way, had, len);
				found = cgi_response_head_length(
				    (struct text){
					guard_copy(heads[i], had), had},
				    &looked);
				ck_assert_uint_le(looked, had);
			}
			ck_assert_uint_eq(found, wanted);
		}
	}
}

TEST(a_document)
{
	assert_good("Content-Type: text/plain\n\n");
	ck_assert_int_eq(r.status, 200);
	ck_assert_uint_eq(r.reason.len, 0);
	ck_assert_uint_eq(r.location.len, 0);
	ck_assert(!r.has_length && !r.local_redirect);
}

TEST(a_status_with_and_without_a_reason)
{
	assert_good("Status: 404 Not here\r\n\r\n");
	ck_assert_int_eq(r.status, 404);
	assert_text_eq(r.reason, "Not here");
	assert_good("STATUS:503\n\n");
	ck_assert_int_eq(r.status, 503);
	ck_assert_uint_eq(r.reason.len, 0);
	assert_good("Status: 200 \n\n");
	ck_assert_uint_eq(r.reason.len, 0);
	assert_wrong("Status: 100 Continue\n\n", "Status");
	assert_wrong("Status: 600\n\n", "Status");
	assert_wrong("Status: 20\n\n", "Status");
	assert_wrong("Status: 2000\n\n", "Status");
	assert_wrong("Status: OK\n\n", "Status");
	assert_wrong("Status:\n\n", "Status");
	assert_wrong("Status: 200\nStatus: 200\n\n", "two Status");
}

TEST(redirects_of_both_kinds)
{
	assert_good("Location: /there?a=b\n\n");
	ck_assert(r.local_redirect);
	assert_text_eq(r.location, "/there?a=b");
	assert_good("Location: /\n\n");
	ck_assert(r.local_redirect);
	assert_good("Location: http://example.org/\n\n");
	ck_assert(!r.local_redirect);
	ck_assert_int_eq(r.status, 302);
	assert_good("Location: //example.org/\n\n");
	ck_assert(!r.local_redirect);
	assert_good("Location: there\n\n");
	ck_assert(!r.local_redirect);
	/* With any other field the client is to know of it. */
	assert_good("Status: 303\nLocation: /there\n\n");
	ck_assert(!r.local_redirect);
	ck_assert_int_eq(r.status, 303);
	assert_good("Set-Cookie: a=b\nLocation: /there\n\n");
	ck_assert(!r.local_redirect);
	ck_assert_int_eq(r.status, 302);
	assert_wrong("Location:\n\n", "empty Location");
	assert_wrong("Location: /a\nLocation: /b\n\n", "two Location");
}

TEST(a_length)
{
	assert_good("Content-Type: a/b\nContent-Length: 12\n\n");
	ck_assert(r.has_length);
	ck_assert_uint_eq(r.length, 12);
	assert_wrong("Content-Type: a/b\nContent-Length: -1\n\n", "Length");
	assert_wrong("Content-Type: a/b\nContent-Length: 1, 1\n\n", "Length");
	assert_wrong("Content-Type: a/b\nContent-Length:\n\n", "Length");
	assert_wrong(
	    "Content-Type: a/b\nContent-Length: 9999999999999999999\n\n",
	    "Length");
	assert_wrong("Content-Length: 1\nContent-Length: 1\nStatus: 200\n\n",
	    "two Content-Length");
}

TEST(what_is_no_head)
{
	assert_wrong("\n", "neither");
	assert_wrong("X-Other: a\n\n", "neither");
	assert_wrong("hello\n\n", "no header field");
	assert_wrong("Content-Type : a/b\n\n", "no header field");
	assert_wrong("Content-Type: a/b\n folded\n\n", "no header field");
	assert_wrong("Content-Type: a\x01/b\n\n", "no header field");
	assert_wrong("Content-Type: a\r/b\n\n", "no header field");
	assert_wrong(": a\n\n", "no header field");
	assert_wrong(
	    "Content-Type: a/b\nContent-Type: a/b\n\n", "two Content-Type");
	assert_wrong("HTTP/1.1 200 OK\r\nContent-Type: a/b\r\n\r\n", "NPH");
}

TEST(the_fields_for_the_client)
{
	static const char head[] = "Content-Type: a/b\r\nStatus: 201\n"
				   "connection: close\nDate: never\n"
				   "Server: me\nContent-Length: 5\n"
				   "Set-Cookie: a\nSet-Cookie:  b \nX:\n\n";
	struct text rest, name, value;

	assert_good(head);
	rest = guard_text(text_of(head));
	ck_assert(cgi_response_next_field(&rest, &name, &value));
	assert_text_eq(name, "Content-Type");
	assert_text_eq(value, "a/b");
	ck_assert(cgi_response_next_field(&rest, &name, &value));
	assert_text_eq(name, "Set-Cookie");
	assert_text_eq(value, "a");
	ck_assert(cgi_response_next_field(&rest, &name, &value));
	assert_text_eq(name, "Set-Cookie");
	assert_text_eq(value, "b");
	ck_assert(cgi_response_next_field(&rest, &name, &value));
	assert_text_eq(name, "X");
	ck_assert_uint_eq(value.len, 0);
	ck_assert(!cgi_response_next_field(&rest, &name, &value));
}

/* Whatever a program writes, nothing is read outside of it. */
TEST(random_heads)
{
	static const char alphabet[] = "aS:t \r\n\n200/L";
	char bytes[64];

	for (int i = 0; i < 20000; i++) {
		size_t len = unit_random_below(sizeof(bytes)), looked = 0;
		struct text head, rest, name, value;

		unit_random_bytes(bytes, len, alphabet);
		head = (struct text){guard_copy(bytes, len), len};
		head.len = cgi_response_head_length(head, &looked);
		if (head.len == 0)
			continue;
		head.at = guard_copy(bytes, head.len);
		rest = head;
		if (cgi_response_parse(head, &r) == NULL)
			while (cgi_response_next_field(&rest, &name, &value))
				assert_quick(name.len > 0);
	}
}
