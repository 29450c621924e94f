#include <string.h>

#include "guard.h"
#include "http/body.h"
#include "unit.h"

#define MAX 100000
#define LAST "0\r\n\r\n"
/* Longer input is cut in two at every such place. */
#define SHORT 1500
#define STRIDE 97

struct answer {
	enum body_state state;
	int status;
	size_t used;
	struct buffer content;
};

static struct buffer input;

static void
take_all(struct body *b, const char *bytes, size_t len, struct answer *a)
{
	size_t left = len - a->used;
	const char *at = guard_copy(bytes + a->used, left);
	size_t used;

	do {
		struct text content;

		used = body_take(b, at, left, &content);
		assert_quick(used <= left);
		assert_quick(content.len <= used);
		buffer_add_text(&a->content, content);
		a->used += used;
		at += used;
		left -= used;
	} while (used > 0 && b->state != BODY_COMPLETE);
}

static void
ask_in_way(size_t way, const struct request *r, uint64_t max, struct text bytes,
    struct answer *a)
{
	struct body b;
	size_t had = 0;

	buffer_clear(&a->content);
	a->used = 0;
	body_start(&b, r, max);
	while (had < bytes.len && b.state != BODY_COMPLETE &&
	    b.state != BODY_REFUSED) {
		had = guard_next(way, had, bytes.len);
		take_all(&b, bytes.at, had, a);
	}
	a->state = b.state;
	a->status = b.state == BODY_REFUSED ? b.status : 0;
	assert_quick(b.total == a->content.len);
}

static struct answer whole;

static void
ask(const struct request *r, uint64_t max, struct text bytes)
{
	struct answer cut = {0};

	ask_in_way(0, r, max, bytes, &whole);
	for (size_t way = 1; way < guard_ways(bytes.len); way++) {
		if (bytes.len > SHORT && way < bytes.len && way % STRIDE != 0)
			continue;
		ask_in_way(way, r, max, bytes, &cut);
		ck_assert_msg(cut.state == whole.state &&
			cut.status == whole.status && cut.used == whole.used &&
			text_equal(buffer_text(&cut.content),
			    buffer_text(&whole.content)),
		    "way %zu: state %d (%d), %zu used; whole: %d (%d), %zu: %s",
		    way, cut.state, cut.status, cut.used, whole.state,
		    whole.status, whole.used, unit_show(bytes.at, bytes.len));
	}
	buffer_free(&cut.content);
}

static void
ask_chunked(struct text bytes, uint64_t max)
{
	static const struct request r = {.framing = FRAMING_CHUNKED};

	ask(&r, max, bytes);
}

static void
assert_status(int status, struct text bytes)
{
	ask_chunked(bytes, MAX);
	ck_assert_msg(whole.state == BODY_REFUSED && whole.status == status,
	    "state %d (%d), not %d: %s", whole.state, whole.status, status,
	    unit_show(bytes.at, bytes.len));
}

static void
assert_complete(struct text bytes)
{
	ask_chunked(bytes, MAX);
	ck_assert_msg(whole.state == BODY_COMPLETE && whole.used == bytes.len,
	    "state %d (%d), %zu used: %s", whole.state, whole.status,
	    whole.used, unit_show(bytes.at, bytes.len));
}

#define assert_refused(literal) assert_status(400, TEXT(literal))
#define assert_content(wanted, literal)                                        \
	do {                                                                   \
		assert_complete(TEXT(literal));                                \
		assert_string_eq(&whole.content, wanted);                      \
	} while (0)

static void
ask_length(uint64_t length, uint64_t max, struct text bytes)
{
	const struct request r = {.framing = FRAMING_LENGTH, .length = length};

	ask(&r, max, bytes);
}

TEST(no_framing_is_no_content)
{
	static const struct request r = {.framing = FRAMING_NONE};

	ask(&r, MAX, TEXT("GET / HTTP/1.1"));
	ck_assert_int_eq(whole.state, BODY_COMPLETE);
	ck_assert_uint_eq(whole.used, 0);
}

TEST(a_length_takes_that_many_bytes_and_no_more)
{
	ask_length(5, MAX, TEXT("helloGET /"));
	ck_assert_int_eq(whole.state, BODY_COMPLETE);
	assert_string_eq(&whole.content, "hello");
	ck_assert_uint_eq(whole.used, 5);
	ask_length(5, MAX, TEXT("hell"));
	ck_assert_int_eq(whole.state, BODY_DATA);
	ask_length(4, MAX, TEXT("\r\n\0\n"));
	assert_string_eq(&whole.content, "\r\n\0\n");
	ask_length(0, MAX, TEXT("GET /"));
	ck_assert_int_eq(whole.state, BODY_COMPLETE);
	ck_assert_uint_eq(whole.used, 0);
}

TEST(g25_a_length_over_the_limit_is_413_at_once)
{
	ask_length(6, 5, TEXT("hello!"));
	ck_assert_int_eq(whole.state, BODY_REFUSED);
	ck_assert_int_eq(whole.status, 413);
	ck_assert_uint_eq(whole.used, 0);
	ask_length(5, 5, TEXT("hello"));
	ck_assert_int_eq(whole.state, BODY_COMPLETE);
	ask_length(0, 0, TEXT(""));
	ck_assert_int_eq(whole.state, BODY_COMPLETE);
}

TEST(chunks_are_joined)
{
	assert_content("", LAST);
	assert_content("hello", "5\r\nhello\r\n" LAST);
	assert_content("hello, world", "5\r\nhello\r\n7\r\n, world\r\n" LAST);
	assert_content("\r\n0\r\n", "5\r\n\r\n0\r\n\r\n" LAST);
	assert_content("0123456789abcdef",
	    "a\r\n0123456789\r\n06\r\nabcdef\r\n000\r\n\r\n");
}

TEST(a_chunked_body_ends_where_the_next_request_begins)
{
	static const char two[] = "1\r\na\r\n" LAST "GET / HTTP/1.1\r\n";

	ask_chunked(TEXT(two), MAX);
	ck_assert_int_eq(whole.state, BODY_COMPLETE);
	ck_assert_uint_eq(whole.used, strlen("1\r\na\r\n" LAST));
}

TEST(no_beginning_of_a_chunked_body_is_complete_or_refused)
{
	static const char body[] =
	    "5;a=\"b\\\"\"\r\nhello\r\n0;c\r\nX: y\r\n\r\n";

	for (size_t len = 0; len < sizeof(body) - 1; len++) {
		ask_chunked((struct text){body, len}, MAX);
		ck_assert_int_ne(whole.state, BODY_COMPLETE);
		ck_assert_int_ne(whole.state, BODY_REFUSED);
	}
	assert_content(
	    "hello", "5;a=\"b\\\"\"\r\nhello\r\n0;c\r\nX: y\r\n\r\n");
}

static void
begin(const char *s)
{
	buffer_clear(&input);
	buffer_add_string(&input, s);
}

static void
add_repeated(char c, size_t count)
{
	while (count-- > 0)
		buffer_add_char(&input, c);
}

static void
begin_line_of(size_t len)
{
	begin("1;");
	add_repeated('a', len - input.len);
	buffer_add_string(&input, "\r\nx\r\n" LAST);
}

TEST(g20_a_chunk_size_line_has_at_most_256_bytes)
{
	begin_line_of(BODY_CHUNK_LINE_MAX);
	assert_complete(buffer_text(&input));
	begin_line_of(BODY_CHUNK_LINE_MAX + 1);
	assert_status(400, buffer_text(&input));
	begin("1;");
	add_repeated('a', BODY_CHUNK_LINE_MAX);
	assert_status(400, buffer_text(&input));
}

TEST(g21_a_chunk_size_is_1_to_15_hex_digits)
{
	assert_refused("\r\nx\r\n" LAST);
	assert_refused("0x1\r\nx\r\n" LAST);
	assert_refused("-1\r\nx\r\n" LAST);
	assert_refused("+1\r\nx\r\n" LAST);
	assert_refused(" 1\r\nx\r\n" LAST);
	assert_refused("1x\r\nx\r\n" LAST);
	assert_refused("1,1\r\nx\r\n" LAST);
	assert_refused("0000000000000001\r\nx\r\n" LAST);
	assert_refused("10000000000000001\r\nx\r\n" LAST);
	assert_refused("\xb9\r\nx\r\n" LAST);
	assert_content("x", "000000000000001\r\nx\r\n" LAST);
	assert_content("0123456789", "A\r\n0123456789\r\n" LAST);
}

TEST(g21_every_byte_that_is_no_hex_digit_is_refused_as_a_size)
{
	for (int c = 0; c < 256; c++) {
		bool hex =
		    c != 0 && strchr("0123456789abcdefABCDEF", c) != NULL;

		begin("0");
		buffer_add_char(&input, (char)c);
		buffer_add_string(&input, "\r\n");
		ask_chunked(buffer_text(&input), MAX);
		ck_assert_msg((whole.state != BODY_REFUSED) == hex,
		    "byte 0x%02x", (unsigned)c);
	}
}

TEST(g22_extensions_are_served_by_their_grammar)
{
	assert_content("x", "1;a\r\nx\r\n" LAST);
	assert_content("x", "1;a=b\r\nx\r\n" LAST);
	assert_content("x", "1;a=b;c=\"d\";e\r\nx\r\n" LAST);
	assert_content("x", "1 ; a ; b = c\r\nx\r\n" LAST);
	assert_content("x", "1\t;\ta\t=\t\"b\"\r\nx\r\n" LAST);
	assert_content("x", "1;a=\"\\\";, \t\\\\\x80\"\r\nx\r\n" LAST);
	assert_content("x", "1;a=\"\"\r\nx\r\n0;b=c\r\n\r\n");
}

TEST(g22_other_extensions_are_refused)
{
	assert_refused("1;\r\nx\r\n" LAST);
	assert_refused("1 \r\nx\r\n" LAST);
	assert_refused("1\t\r\nx\r\n" LAST);
	assert_refused("1 a\r\nx\r\n" LAST);
	assert_refused("1;a \r\nx\r\n" LAST);
	assert_refused("1;a=b\t\r\nx\r\n" LAST);
	assert_refused("1;a=\"b\" \r\nx\r\n" LAST);
	assert_refused("1;;a\r\nx\r\n" LAST);
	assert_refused("1;=b\r\nx\r\n" LAST);
	assert_refused("1;a=\r\nx\r\n" LAST);
	assert_refused("1;a b\r\nx\r\n" LAST);
	assert_refused("1;a=b c\r\nx\r\n" LAST);
	assert_refused("1;a=\"b\r\nx\r\n" LAST);
	assert_refused("1;a=\"b\\\r\nx\r\n" LAST);
	assert_refused("1;a=\"b\"c\r\nx\r\n" LAST);
	assert_refused("1;a=\"\x01\"\r\nx\r\n" LAST);
	assert_refused("1;a=\"\x7f\"\r\nx\r\n" LAST);
	assert_refused("1;a\0\r\nx\r\n" LAST);
	assert_refused("0;\r\n\r\n");
}

TEST(g22_lines_of_chunks_end_with_crlf_and_nothing_else)
{
	assert_refused("1\nx\r\n" LAST);
	assert_refused("1\r\rx\r\n" LAST);
	assert_refused("1\r\r\nx\r\n" LAST);
	assert_refused("1;a\rb\r\nx\r\n" LAST);
	assert_refused("1;a=\"\n\"\r\nx\r\n" LAST);
	assert_refused("1;a=\"\r\n\"\r\nx\r\n" LAST);
	assert_refused("1\r\nx\n" LAST);
	assert_refused("1\r\nx\r" LAST);
	assert_refused("1\r\nx\rX" LAST);
	assert_refused("1\r\nx" LAST);
	assert_refused("1\r\nxy\r\n" LAST);
	assert_refused("1\r\nx\n\r" LAST);
	assert_refused("2\r\nx\r\n" LAST);
	assert_refused("1\r\nx\r\n\r\n" LAST);
	assert_refused("0\n\n");
	assert_refused("0\r\n\n");
	assert_refused("0\r\n\r\r\n");
}

TEST(extensions_of_all_chunks_together_are_bounded)
{
	/* Eight bytes of extension each. */
	size_t chunks = BODY_EXTENSIONS_MAX / 8;

	begin("");
	for (size_t i = 0; i < chunks; i++)
		buffer_add_string(&input, "1;abcdefg\r\nx\r\n");
	buffer_add_string(&input, LAST);
	assert_complete(buffer_text(&input));
	input.len -= strlen(LAST);
	buffer_add_string(&input, "1;a\r\nx\r\n" LAST);
	assert_status(400, buffer_text(&input));
}

TEST(g23_the_total_of_all_chunks_is_limited)
{
	ask_chunked(TEXT("3\r\nabc\r\n2\r\nde\r\n" LAST), 5);
	ck_assert_int_eq(whole.state, BODY_COMPLETE);
	ask_chunked(TEXT("3\r\nabc\r\n3\r\ndef\r\n" LAST), 5);
	ck_assert_int_eq(whole.state, BODY_REFUSED);
	ck_assert_int_eq(whole.status, 413);
	assert_string_eq(&whole.content, "abc");
	ask_chunked(TEXT("1\r\na\r\nFFFFFFFFFFFFFFF\r\n"), 5);
	ck_assert_int_eq(whole.status, 413);
	ask_chunked(TEXT("1\r\na\r\n" LAST), 0);
	ck_assert_int_eq(whole.status, 413);
	ask_chunked(TEXT(LAST), 0);
	ck_assert_int_eq(whole.state, BODY_COMPLETE);
}

TEST(g24_trailers_are_fields_and_no_content)
{
	assert_content("x", "1\r\nx\r\n0\r\nA: b\r\nC:\r\nD:\te\x80\r\n\r\n");
	assert_content("", "0\r\nContent-Length: 5\r\n\r\n");
	assert_refused("0\r\nA\r\n\r\n");
	assert_refused("0\r\n: b\r\n\r\n");
	assert_refused("0\r\nA : b\r\n\r\n");
	assert_refused("0\r\n A: b\r\n\r\n");
	assert_refused("0\r\nA: b\r\n c\r\n\r\n");
	assert_refused("0\r\nA: b\x01\r\n\r\n");
	assert_refused("0\r\nA: b\0\r\n\r\n");
	assert_refused("0\r\nA: b\n\r\n");
	assert_refused("0\r\nA: b\r\n\n");
	assert_refused("0\r\nA: b\rC: d\r\n\r\n");
	assert_refused("0\r\nGET / HTTP/1.1\r\n\r\n");
}

static void
begin_trailers(size_t count)
{
	begin("0\r\n");
	while (count-- > 0)
		buffer_add_string(&input, "A: b\r\n");
	buffer_add_string(&input, "\r\n");
}

TEST(g24_trailers_are_at_most_100)
{
	begin_trailers(REQUEST_FIELDS_MAX);
	assert_complete(buffer_text(&input));
	begin_trailers(REQUEST_FIELDS_MAX + 1);
	assert_status(400, buffer_text(&input));
}

static void
begin_trailer_lines(size_t count, size_t len)
{
	begin("0\r\n");
	while (count-- > 0) {
		buffer_add_string(&input, "A:");
		add_repeated('b', len - 2);
		buffer_add_string(&input, "\r\n");
	}
	buffer_add_string(&input, "\r\n");
}

TEST(g24_the_size_of_trailers_is_bounded)
{
	begin_trailer_lines(1, BODY_TRAILER_LINE_MAX);
	assert_complete(buffer_text(&input));
	begin_trailer_lines(1, BODY_TRAILER_LINE_MAX + 1);
	assert_status(400, buffer_text(&input));
	begin_trailer_lines(16, BODY_TRAILERS_MAX / 16);
	assert_complete(buffer_text(&input));
	begin_trailer_lines(17, BODY_TRAILERS_MAX / 16);
	assert_status(400, buffer_text(&input));
	begin("0\r\n");
	add_repeated('b', BODY_TRAILER_LINE_MAX + 2);
	assert_status(400, buffer_text(&input));
}

TEST(nothing_is_taken_after_the_end_or_a_refusal)
{
	static const struct request r = {.framing = FRAMING_CHUNKED};
	struct body b;
	struct text content;

	body_start(&b, &r, MAX);
	body_take(&b, "x\r\n", 3, &content);
	ck_assert_int_eq(b.state, BODY_REFUSED);
	ck_assert_uint_eq(body_take(&b, LAST, 5, &content), 0);
	ck_assert_uint_eq(content.len, 0);
	ck_assert_int_eq(b.state, BODY_REFUSED);
	body_start(&b, &r, MAX);
	body_take(&b, LAST, 5, &content);
	body_take(&b, "\r\n", 2, &content);
	ck_assert_int_eq(b.state, BODY_COMPLETE);
	ck_assert_uint_eq(body_take(&b, "5\r\n", 3, &content), 0);
}

static const char *
random_extension(void)
{
	static const char *const extensions[] = {
	    "", "", ";a", " ; b = c", ";d=\"e;\\\"\""};

	return extensions[unit_random_below(
	    sizeof(extensions) / sizeof(extensions[0]))];
}

TEST(any_content_in_any_chunks_comes_out_as_it_went_in)
{
	struct buffer content = {0};

	for (int round = 0; round < 300; round++) {
		buffer_clear(&content);
		begin("");
		for (size_t n = unit_random_below(6); n > 0; n--) {
			char data[20];
			size_t len = 1 + unit_random_below(sizeof(data));

			unit_random_bytes(data, len, "\r\n0a;:");
			buffer_add(&content, data, len);
			buffer_printf(
			    &input, "%zx%s\r\n", len, random_extension());
			buffer_add(&input, data, len);
			buffer_add_string(&input, "\r\n");
		}
		buffer_add_string(&input, LAST);
		assert_complete(buffer_text(&input));
		ck_assert(text_equal(
		    buffer_text(&whole.content), buffer_text(&content)));
	}
	buffer_free(&content);
}

TEST(damaged_bodies_get_one_answer_however_they_are_cut)
{
	static const char bytes[] = "\r\n\t ;=\"\\:0a1F\x7fx";

	for (int round = 0; round < 5000; round++) {
		begin("5;a=\"b\"\r\nhello\r\n3 ; c = d\r\nabc\r\n0\r\nX: y\r\n"
		      "\r\n");
		for (size_t n = 1 + unit_random_below(3); n > 0; n--)
			input.data[unit_random_below(input.len)] =
			    bytes[unit_random_below(sizeof(bytes))];
		ask_chunked(buffer_text(&input), MAX);
	}
}

void
unit_tear_down(void)
{
	buffer_free(&input);
	buffer_free(&whole.content);
}
