#include <string.h>

#include "guard.h"
#include "http/collect.h"
#include "unit.h"

#define HEAD "POST / HTTP/1.1\r\nHost: a\r\n\r\n"
#define HEAD_LEN (sizeof(HEAD) - 1)
#define MAX 100
#define MANY 20000 /* chunks */

static struct buffer input;

static void
begin(const char *s)
{
	buffer_clear(&input);
	buffer_add_string(&input, HEAD);
	buffer_add_string(&input, s);
}

/* How many bytes have come when it is done, or SIZE_MAX. */
static size_t
ask_in_way(size_t way, bool chunked, size_t wanted)
{
	struct collect c;
	size_t had = 0;

	collect_start(&c, chunked, wanted, MAX);
	while (had < input.len) {
		had = guard_next(way, had, input.len);
		if (collect_is_done(&c, guard_copy(input.data, had), had))
			return had;
	}
	return SIZE_MAX;
}

/* Byte by byte; cut in any two pieces, it is as soon as that can be. */
static size_t
ask(bool chunked, size_t wanted)
{
	size_t first = ask_in_way(input.len, chunked, wanted);

	for (size_t way = 0; way < input.len; way++) {
		size_t done = ask_in_way(way, chunked, wanted);
		bool in_first = way > 0 && first <= way;
		size_t expected = in_first ? way : input.len;

		if (first == SIZE_MAX)
			expected = SIZE_MAX;
		ck_assert_msg(done == expected, "way %zu: %zu, not %zu", way,
		    done, expected);
	}
	return first;
}

static void
assert_done_with_last(const char *chunks)
{
	begin(chunks);
	ck_assert_msg(ask(true, HEAD_LEN) == input.len, "%s", chunks);
}

static void
assert_never_done(const char *chunks)
{
	begin(chunks);
	ck_assert_msg(ask(true, HEAD_LEN) == SIZE_MAX, "%s", chunks);
}

TEST(a_length_is_done_when_so_much_has_come)
{
	begin("hello");
	ck_assert_uint_eq(ask(false, HEAD_LEN + 5), HEAD_LEN + 5);
	ck_assert_uint_eq(ask(false, HEAD_LEN + 4), HEAD_LEN + 4);
	ck_assert_uint_eq(ask(false, HEAD_LEN + 6), SIZE_MAX);
	/* It may be long: whoever asks knows that it is not. */
	ck_assert_uint_eq(ask(false, HEAD_LEN + MAX + 1), SIZE_MAX);
}

TEST(chunks_are_done_with_the_last_byte_of_their_end)
{
	assert_done_with_last("0\r\n\r\n");
	assert_done_with_last("5\r\nhello\r\n0\r\n\r\n");
	assert_done_with_last("5;a=b\r\nhello\r\n1\r\nx\r\n0\r\nX: y\r\n\r\n");
	assert_never_done("5\r\nhello\r\n0\r\n\r");
	assert_never_done("5\r\n0\r\n\r\n");
}

TEST(what_comes_behind_them_changes_nothing)
{
	begin("1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\n");
	ck_assert_uint_eq(
	    ask(true, HEAD_LEN), HEAD_LEN + strlen("1\r\nx\r\n0\r\n\r\n"));
}

TEST(what_is_no_chunk_is_done_at_once)
{
	assert_done_with_last("x\r\n");
	assert_done_with_last("5\r\nhelloX");
	assert_done_with_last("5\r\nhello\r\n-1\r\n");
	assert_done_with_last("0\r\nX y\r\n");
}

TEST(more_than_the_bound_is_done_with_the_size_that_says_so)
{
	assert_done_with_last("65\r\n");
	assert_never_done("64\r\n");
	assert_done_with_last("1\r\nx\r\n64\r\n");
	assert_never_done("1\r\nx\r\n63\r\n");
}

/* A message may say anything. */
TEST(a_head_that_has_not_come_is_waited_for)
{
	begin("x\r\n");
	ck_assert_uint_eq(ask(true, input.len), SIZE_MAX);
	ck_assert_uint_eq(ask(true, input.len + 1), SIZE_MAX);
	ck_assert_uint_eq(ask(true, SIZE_MAX), SIZE_MAX);
	ck_assert_uint_eq(ask(false, 0), 1);
}

/* What comes byte by byte is not looked at from its beginning each time. */
TEST(no_more_than_a_line_is_looked_at_again)
{
	struct collect c;

	begin("");
	for (int i = 0; i < MANY; i++)
		buffer_add_string(&input, "1\r\nx\r\n");
	collect_start(&c, true, HEAD_LEN, MANY);
	for (size_t len = HEAD_LEN; len < input.len; len++) {
		assert_quick(!collect_is_done(&c, input.data, len));
		assert_quick(c.at <= len);
		assert_quick(len - c.at < strlen("1\r\n"));
	}
	ck_assert_uint_ge(c.body.total, MANY - 1);
}
