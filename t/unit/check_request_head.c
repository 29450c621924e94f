#include <string.h>

#include "base/chars.h"
#include "heads.h"

#define LAWFUL "GET /a?b HTTP/1.1\r\nHost: a\r\nX: y z\r\n\r\n"
#define REST " HTTP/1.1\r\nHost: a\r\n\r\n"

static const char lawful[] = LAWFUL;
static struct buffer b;

static void
assert_built(int status, size_t max)
{
	heads_assert(status, b.data, b.len, max);
}

static void
begin(const char *line)
{
	buffer_clear(&b);
	buffer_add_string(&b, line);
}

static void
add_repeated(char c, size_t count)
{
	while (count-- > 0)
		buffer_add_char(&b, c);
}

TEST(a_lawful_head_is_taken_apart)
{
	assert_served(LAWFUL);
	assert_text_eq(heads_request.line, "GET /a?b HTTP/1.1");
	assert_text_eq(heads_request.target, "/a?b");
	assert_text_eq(heads_request.raw_path, "/a");
	assert_text_eq(heads_request.query, "b");
	assert_text_eq(heads_request.host, "a");
	ck_assert_int_eq(heads_request.method, METHOD_GET);
	ck_assert_int_eq(heads_request.minor, 1);
	ck_assert_uint_eq(heads_request.field_count, 2);
	ck_assert_str_eq(heads_field(0), "Host: a");
	ck_assert_str_eq(heads_field(1), "X: y z");
}

TEST(no_beginning_of_a_head_is_complete)
{
	for (size_t len = 0; len < sizeof(LAWFUL) - 1; len++)
		heads_assert(HEADS_MORE, LAWFUL, len, HEADS_MAX);
}

TEST(a_head_ends_where_the_next_one_begins)
{
	static const char two[] = "\r\n" LAWFUL "GET / smuggled\n";
	struct heads_answer answer = heads_ask(two, sizeof(two) - 1, HEADS_MAX);

	ck_assert_int_eq(answer.status, 0);
	ck_assert_uint_eq(answer.start, 2);
	ck_assert_uint_eq(answer.end, 2 + sizeof(LAWFUL) - 1);
}

TEST(g0_eight_empty_lines_come_before_a_head_and_no_ninth)
{
	struct heads_answer answer;

	begin("");
	for (int i = 0; i < REQUEST_HEAD_EMPTY_LINES_MAX; i++)
		buffer_add_string(&b, "\r\n");
	buffer_add_string(&b, LAWFUL);
	assert_built(0, HEADS_MAX);
	answer = heads_ask(b.data, b.len, HEADS_MAX);
	ck_assert_uint_eq(answer.start, 2 * REQUEST_HEAD_EMPTY_LINES_MAX);
	begin("");
	for (int i = 0; i <= REQUEST_HEAD_EMPTY_LINES_MAX; i++)
		buffer_add_string(&b, "\r\n");
	assert_built(400, HEADS_MAX);
}

static void
begin_line_of(size_t len)
{
	begin("GET /");
	add_repeated('a', len - strlen("GET / HTTP/1.1"));
	buffer_add_string(&b, REST);
}

TEST(g1_a_request_line_has_at_most_8192_bytes)
{
	begin_line_of(REQUEST_HEAD_LINE_MAX);
	assert_built(0, HEADS_MAX);
	begin_line_of(REQUEST_HEAD_LINE_MAX + 1);
	assert_built(414, HEADS_MAX);
	begin("GET ");
	add_repeated('a', REQUEST_HEAD_LINE_MAX - 2);
	assert_built(414, HEADS_MAX);
	begin("GET ");
	add_repeated('a', REQUEST_HEAD_LINE_MAX - 3);
	assert_built(HEADS_MORE, HEADS_MAX);
}

TEST(g1_a_long_line_with_an_unknown_method_is_501)
{
	begin("");
	add_repeated('a', REQUEST_HEAD_LINE_MAX + 1);
	assert_built(HEADS_MORE, HEADS_MAX);
	add_repeated('a', 1);
	assert_built(501, HEADS_MAX);
	begin("BREW ");
	add_repeated('a', REQUEST_HEAD_LINE_MAX);
	assert_built(501, HEADS_MAX);
	begin("");
	add_repeated('a', 1024);
	assert_built(501, 1024);
	begin("(");
	add_repeated('a', REQUEST_HEAD_LINE_MAX + 1);
	assert_built(414, HEADS_MAX);
	begin("");
	add_repeated(' ', REQUEST_HEAD_LINE_MAX + 2);
	assert_built(414, HEADS_MAX);
}

TEST(g1_bytes_are_judged_in_their_order)
{
	begin("GET ");
	add_repeated('a', REQUEST_HEAD_LINE_MAX - 2);
	buffer_add_string(&b, "\n");
	assert_built(414, HEADS_MAX);
	begin("a\rb");
	add_repeated('a', REQUEST_HEAD_LINE_MAX);
	assert_built(400, HEADS_MAX);
	begin("a\n");
	add_repeated('a', REQUEST_HEAD_LINE_MAX);
	assert_built(400, HEADS_MAX);
}

static void
begin_head_of(size_t len)
{
	begin("GET / HTTP/1.1\r\nHost: a\r\nX: ");
	add_repeated('x', len - b.len - strlen("\r\n\r\n"));
	buffer_add_string(&b, "\r\n\r\n");
}

TEST(g2_a_head_has_at_most_max_bytes)
{
	begin_head_of(HEADS_MAX);
	assert_built(0, HEADS_MAX);
	begin_head_of(HEADS_MAX + 1);
	assert_built(431, HEADS_MAX);
	begin_head_of(1024);
	assert_built(0, 1024);
	assert_built(431, 1023);
	begin("GET / HTTP/1.1\r\nHost: a\r\nX: ");
	add_repeated('x', HEADS_MAX);
	assert_built(431, HEADS_MAX);
}

TEST(g2_the_largest_max_that_can_be_configured_is_kept)
{
	begin_head_of(64 << 10);
	assert_built(0, 64 << 10);
	assert_built(431, (64 << 10) - 1);
}

TEST(g2_empty_lines_before_the_head_do_not_count)
{
	begin("\r\n\r\n");
	buffer_add_string(&b, LAWFUL);
	assert_built(0, sizeof(LAWFUL) - 1);
	assert_built(431, sizeof(LAWFUL) - 2);
}

/* LAWFUL with a byte put in at an offset, or bytes taken out. */
static void
change(size_t at, size_t without, const char *with)
{
	buffer_clear(&b);
	buffer_add(&b, lawful, at);
	buffer_add_string(&b, with);
	buffer_add_string(&b, lawful + at + without);
}

TEST(g3_a_cr_or_lf_put_in_anywhere_is_refused)
{
	for (size_t at = 0; at < sizeof(LAWFUL) - 1; at++) {
		change(at, 0, "\r");
		assert_built(400, HEADS_MAX);
		if (at + 1 == sizeof(LAWFUL) - 1)
			continue; /* an LF there is behind the head */
		change(at, 0, "\n");
		assert_built(400, HEADS_MAX);
	}
}

TEST(g3_a_line_that_ends_with_lf_or_cr_alone_is_refused)
{
	for (size_t at = 0; at + 1 < sizeof(LAWFUL) - 1; at++) {
		if (memcmp(lawful + at, "\r\n", 2) != 0)
			continue;
		change(at, 2, "\n");
		assert_built(400, HEADS_MAX);
		if (at + 2 == sizeof(LAWFUL) - 1)
			continue; /* there its LF may yet come */
		change(at, 2, "\r");
		assert_built(400, HEADS_MAX);
	}
}

TEST(g3_a_cr_followed_by_any_other_byte_is_refused)
{
	for (int c = 0; c < 256; c++) {
		begin("GET / HTTP/1.1\r\nHost: a\r\nX: y\r");
		buffer_add_char(&b, (char)c);
		buffer_add_string(&b, "Y: z\r\n\r\n");
		if (c != '\n')
			assert_built(400, HEADS_MAX);
		begin("GET / HTTP/1.1\r\nHost: a\r\nX:\r");
		buffer_add_char(&b, (char)c);
		buffer_add_string(&b, "\r\n\r\n");
		if (c != '\n')
			assert_built(400, HEADS_MAX);
	}
}

TEST(g5_a_request_line_is_three_words_with_single_spaces)
{
	assert_refused(400, "GET\r\nHost: a\r\n\r\n");
	assert_refused(400, "GET /\r\nHost: a\r\n\r\n");
	assert_refused(400, "GET / \r\nHost: a\r\n\r\n");
	assert_refused(400, " GET /" REST);
	assert_refused(400, "GET  /" REST);
	assert_refused(400, "GET / " REST);
	assert_refused(400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n");
	assert_refused(400, "GET / HTTP/1.1\t\r\nHost: a\r\n\r\n");
	assert_refused(400, "GET\t/" REST);
	assert_refused(400, "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n");
	assert_refused(400, "GET / a" REST);
	assert_refused(400, "GET HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_refused(400, "G@T /" REST);
	assert_refused(400, "G\0T /" REST);
	assert_served("GET /" REST);
}

TEST(g5_a_version_is_http_slash_digit_dot_digit)
{
	assert_refused(400, "GET / HXYZ+1.1\r\nHost: a\r\n\r\n");
	assert_refused(400, "GET / http/1.1\r\nHost: a\r\n\r\n");
	assert_refused(400, "GET / HTTP/1\r\nHost: a\r\n\r\n");
	assert_refused(400, "GET / HTTP/11\r\nHost: a\r\n\r\n");
	assert_refused(400, "GET / HTTP/1.10\r\nHost: a\r\n\r\n");
	assert_refused(400, "GET / HTTP/01.1\r\nHost: a\r\n\r\n");
	assert_refused(400, "GET / HTTP/1,1\r\nHost: a\r\n\r\n");
	assert_refused(400, "GET / HTTP/1.x\r\nHost: a\r\n\r\n");
	assert_refused(400, "GET / HTTP/x.1\r\nHost: a\r\n\r\n");
	assert_refused(400, "GET / HTTP /1.1\r\nHost: a\r\n\r\n");
	assert_refused(400, "GET / ICY/1.1\r\nHost: a\r\n\r\n");
}

TEST(g6_major_versions_other_than_1_are_505)
{
	assert_refused(505, "GET / HTTP/0.9\r\nHost: a\r\n\r\n");
	assert_refused(505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n");
	assert_refused(505, "GET / HTTP/9.9\r\nHost: a\r\n\r\n");
	assert_refused(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	assert_served("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
	ck_assert_int_eq(heads_request.minor, 0);
	assert_served("GET / HTTP/1.9\r\nHost: a\r\n\r\n");
	ck_assert_int_eq(heads_request.minor, 1);
}

static void
begin_fields(size_t count)
{
	begin("GET / HTTP/1.1\r\nHost: a\r\n");
	for (size_t i = 1; i < count; i++)
		buffer_printf(&b, "X-%zu: %zu\r\n", i, i);
	buffer_add_string(&b, "\r\n");
}

TEST(g7_there_are_at_most_100_fields)
{
	begin_fields(REQUEST_FIELDS_MAX);
	assert_built(0, HEADS_MAX);
	ck_assert_uint_eq(heads_request.field_count, REQUEST_FIELDS_MAX);
	ck_assert_str_eq(heads_field(99), "X-99: 99");
	begin_fields(REQUEST_FIELDS_MAX + 1);
	assert_built(431, HEADS_MAX);
}

TEST(g8_no_line_begins_with_white_space)
{
	assert_fields_refused(400, " X: y\r\n");
	assert_fields_refused(400, "X: y\r\n z\r\n");
	assert_fields_refused(400, "X: y\r\n\tz\r\n");
	assert_fields_refused(400, "X:\r\n y\r\n");
	assert_fields_refused(400, " \r\n");
	assert_refused(400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n");
	assert_refused(400, "GET / HTTP/1.1\r\n\tX: y\r\nHost: a\r\n\r\n");
	assert_fields_served("X: y\r\n");
}

TEST(g9_a_name_is_a_token_with_its_colon_right_behind)
{
	assert_fields_refused(400, "X : y\r\n");
	assert_fields_refused(400, "X\t: y\r\n");
	assert_fields_refused(400, ": y\r\n");
	assert_fields_refused(400, "X\r\n");
	assert_fields_refused(400, "X y: z\r\n");
	assert_fields_refused(400, "X(y): z\r\n");
	assert_refused(400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n");
	assert_fields_served("X:y\r\n");
}

TEST(g9_every_byte_that_is_no_tchar_is_refused_in_a_name)
{
	for (int c = 0; c < 256; c++) {
		bool good = chars_is((char)c, CHAR_TOKEN) || c == ':';

		begin("GET / HTTP/1.1\r\nHost: a\r\nX");
		buffer_add_char(&b, (char)c);
		buffer_add_string(&b, "Y: z\r\n\r\n");
		assert_built(good ? 0 : 400, HEADS_MAX);
	}
}

TEST(g9_every_control_byte_but_ht_is_refused_in_a_value)
{
	for (int c = 0; c < 256; c++) {
		bool good = c == '\t' || (c >= ' ' && c != 0x7f);

		begin("GET / HTTP/1.1\r\nHost: a\r\nX: y");
		buffer_add_char(&b, (char)c);
		buffer_add_string(&b, "z\r\n\r\n");
		assert_built(good ? 0 : 400, HEADS_MAX);
		if (!good)
			continue;
		ck_assert_uint_eq(heads_request.fields[1].value.len, 3);
		ck_assert_int_eq(heads_request.fields[1].value.at[1], (char)c);
	}
}

TEST(g9_white_space_is_trimmed_at_both_ends_of_a_value)
{
	assert_fields_served(
	    "A: \t b \t c \t \r\nB:\r\nC: \t\r\nD:d\r\nE::\r\n");
	ck_assert_str_eq(heads_field(1), "A: b \t c");
	ck_assert_str_eq(heads_field(2), "B: ");
	ck_assert_str_eq(heads_field(3), "C: ");
	ck_assert_str_eq(heads_field(4), "D: d");
	ck_assert_str_eq(heads_field(5), "E: :");
	ck_assert_uint_eq(heads_request.field_count, 6);
}

TEST(g12_methods_that_nothing_implements_are_501)
{
	assert_refused(501, "BREW /" REST);
	assert_refused(501, "get /" REST);
	assert_refused(501, "GETX /" REST);
	assert_refused(501, "GE /" REST);
	assert_refused(501, "M-SEARCH *" REST);
	assert_refused(501, "CONNECT a:443" REST);
	assert_refused(501, "CONNECT /" REST);
	assert_served("DELETE /" REST);
	assert_served("TRACE /" REST);
}

TEST(g12_the_method_is_judged_before_any_body_or_tunnel)
{
	assert_refused(501,
	    "BREW / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n"
	    "Content-Length: y\r\n\r\n");
	assert_refused(501,
	    "CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
	    "Content-Length: 6\r\n\r\n");
}

TEST(every_method_here_is_served)
{
	struct buffer names = {0};
	struct text list, name;

	method_list(&names, METHODS_ALL);
	list = buffer_text(&names);
	while (text_next_element(&list, &name)) {
		begin("");
		buffer_add_text(&b, name);
		buffer_add_string(&b, " /" REST);
		assert_built(0, HEADS_MAX);
		ck_assert_int_eq(heads_request.method, method_of(name));
	}
	buffer_free(&names);
}

TEST(g13_an_asterisk_is_for_options_only)
{
	assert_refused(400, "GET *" REST);
	assert_refused(400, "POST *" REST);
	assert_refused(400, "OPTIONS **" REST);
	assert_refused(400, "OPTIONS a" REST);
	assert_served("OPTIONS *" REST);
	ck_assert(heads_request.asterisk);
}

TEST(g14_an_absolute_target_is_http_with_a_host_and_no_userinfo)
{
	assert_refused(400, "GET ftp://b/" REST);
	assert_refused(400, "GET http://" REST);
	assert_refused(400, "GET http:///" REST);
	assert_refused(400, "GET http://:80/" REST);
	assert_refused(400, "GET http://u@b/" REST);
	assert_refused(400, "GET http://u:p@b/" REST);
	assert_refused(400, "GET http://b:65536/" REST);
	assert_refused(400, "GET b/" REST);
	assert_refused(400, "GET b:80" REST);
	assert_served("GET https://b:443/c?d" REST);
	assert_text_eq(heads_request.raw_path, "/c");
}

TEST(g14_the_authority_of_the_target_overrides_host)
{
	assert_served("GET http://b:81/" REST);
	assert_text_eq(heads_request.host, "b:81");
	assert_served("GET /" REST);
	assert_text_eq(heads_request.host, "a");
	assert_refused(400, "GET http://b/ HTTP/1.1\r\n\r\n");
}

/* Each byte there; a "%" is alone. */
static void
assert_bytes_behind(const char *start, enum char_class class, bool query)
{
	for (int c = 0; c < 256; c++) {
		bool good = chars_is((char)c, class) && (c != '%' || query);

		begin(start);
		buffer_add_char(&b, (char)c);
		buffer_add_string(&b, "b" REST);
		assert_built(good || c == '?' ? 0 : 400, HEADS_MAX);
	}
}

TEST(g15_bytes_of_a_target_are_those_of_a_path_and_a_query)
{
	assert_bytes_behind("POST /a", CHAR_PATH, false);
	assert_bytes_behind("OPTIONS /a", CHAR_PATH, false);
	assert_bytes_behind("POST /a?", CHAR_QUERY, true);
	assert_bytes_behind("POST http://a/", CHAR_PATH, false);
	assert_bytes_behind("POST http://a?", CHAR_QUERY, true);
}

TEST(g15_who_can_follow_is_redirected_for_other_bytes_of_a_path)
{
	assert_bytes_behind("GET /a", CHAR_QUERY, false);
	assert_bytes_behind("HEAD http://a/", CHAR_QUERY, false);
	assert_served("GET /a^b?c" REST);
	ck_assert(heads_request.unencoded);
	assert_served("GET /a%5eb[|]?c^\x80%" REST);
	ck_assert(!heads_request.unencoded);
}

TEST(g15_every_percent_of_a_path_has_two_hex_digits)
{
	assert_refused(400, "GET /%" REST);
	assert_refused(400, "GET /%4" REST);
	assert_refused(400, "GET /%4g" REST);
	assert_refused(400, "GET /a^%4g" REST);
	assert_served("GET /a?%g4" REST);
	assert_served("GET /%4f?%F4" REST);
}

TEST(g16_an_encoded_nul_is_refused)
{
	assert_refused(400, "GET /a%00b" REST);
	assert_refused(400, "GET /a?%00" REST);
	assert_served("GET /a%01b" REST);
}

TEST(what_would_stop_the_parser_does_not)
{
	assert_fields_served(
	    "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n");
	assert_fields_served("Proxy-Connection: keep-alive\r\n");
	assert_fields_served("Content-Length: 999999999999999999\r\n");
	assert_refused(0,
	    "POST / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n"
	    "Connection: upgrade\r\nTransfer-Encoding: chunked"
	    "\r\n\r\n");
}

TEST(fields_are_indexed_by_id_whatever_their_case)
{
	struct text value;

	assert_fields_served("cOOKIE: 1\r\nIF-NONE-match: \"a\"\r\n"
			     "If-None-Match: \"b\"\r\nrange: c\r\n");
	ck_assert_int_eq(heads_request.counts[FIELD_IF_NONE_MATCH], 2);
	ck_assert(request_field(&heads_request, FIELD_IF_NONE_MATCH, &value));
	assert_text_eq(value, "\"a\"");
	ck_assert(request_field(&heads_request, FIELD_RANGE, &value));
	assert_text_eq(value, "c");
	ck_assert(!request_field(&heads_request, FIELD_IF_RANGE, &value));
}

/* Lawful heads with a few bytes changed: no crash, and always one answer. */
TEST(damaged_heads_get_one_answer_however_they_are_cut)
{
	static const char bytes[] = "\r\n\t :/%?*#[]\"\\;,=@.\x7f\x80HGa01";

	for (int round = 0; round < 3000; round++) {
		begin("POST http://[::1]:80/a%20b?c HTTP/1.1\r\nHost: a:1\r\n"
		      "Content-Length: 5\r\nConnection: close\r\n\r\n");
		for (size_t n = 1 + unit_random_below(3); n > 0; n--)
			b.data[unit_random_below(b.len)] =
			    bytes[unit_random_below(sizeof(bytes))];
		heads_ask(b.data, b.len, HEADS_MAX);
	}
}

void
unit_tear_down(void)
{
	buffer_free(&b);
}
