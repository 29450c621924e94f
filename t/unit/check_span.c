#include <string.h>

#include "base/span.h"
#include "guard.h"
#include "unit.h"

/* More than two blocks, and what is left behind them. */
#define LONGEST 40

typedef size_t span_function(const char *at, size_t len);

static bool
is_in_token(char c)
{
	return chars_is(c, CHAR_TOKEN);
}

static bool
is_in_value(char c)
{
	return chars_is(c, CHAR_VALUE);
}

static bool
is_in_line(char c)
{
	return c != '\r' && c != '\n';
}

/* The byte at offset at is c, and all others are the filling. */
static void
assert_span(span_function *span, bool (*is_in)(char), size_t len, size_t at,
    int c, char filling)
{
	size_t expected = is_in((char)c) ? len : at;
	char bytes[LONGEST];

	memset(bytes, filling, len);
	bytes[at] = (char)c;
	assert_quick(span(guard_copy(bytes, len), len) == expected);
	assert_quick(span(guard_copy_behind(bytes, len), len) == expected);
}

static void
assert_spans(span_function *span, bool (*is_in)(char), const char *fillings)
{
	for (size_t len = 1; len <= LONGEST; len++)
		for (size_t at = 0; at < len; at++)
			for (int c = 0; c < 256; c++)
				assert_span(span, is_in, len, at, c,
				    fillings[at % strlen(fillings)]);
	ck_assert_uint_eq(span(guard_copy("", 0), 0), 0);
}

TEST(a_token_ends_at_its_first_other_byte)
{
	assert_spans(span_token, is_in_token, "aZ-0~");
}

TEST(a_value_ends_at_its_first_other_byte)
{
	assert_spans(span_value, is_in_value, "a \t\x80\xff");
}

TEST(a_line_ends_at_its_first_cr_or_lf)
{
	assert_spans(span_line, is_in_line, "a\t\x01\x80");
}

/* Each place alone, and with all behind it. */
TEST(the_first_byte_of_a_mask_is_found_in_either_way)
{
	for (size_t i = 0; i < BLOCK_SIZE; i++) {
		block_mask one = {0}, more = {0};

		one[i] = -1;
		for (size_t k = i; k < BLOCK_SIZE; k++)
			more[k] = -1;
		ck_assert_uint_eq(block_first(one), i);
		ck_assert_uint_eq(block_first(more), i);
		ck_assert_uint_eq(block_first_portable(one), i);
		ck_assert_uint_eq(block_first_portable(more), i);
	}
	ck_assert_uint_eq(block_first((block_mask){0}), BLOCK_SIZE);
	ck_assert_uint_eq(block_first_portable((block_mask){0}), BLOCK_SIZE);
}
