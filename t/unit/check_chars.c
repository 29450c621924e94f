#include <string.h>

#include "base/chars.h"
#include "guard.h"
#include "unit.h"

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define UNRESERVED LETTERS DIGITS "-._~"
#define SUB_DELIMS "!$&'()*+,;="

/* The bytes of a class are those of the string, and no others. */
static void
assert_class(enum char_class class, const char *members)
{
	for (int c = 0; c < 256; c++) {
		bool member = c != 0 && strchr(members, c) != NULL;

		ck_assert_msg(chars_is((char)c, class) == member, "byte 0x%02x",
		    (unsigned)c);
	}
}

TEST(a_token_is_what_rfc_9110_5_6_2_says)
{
	assert_class(CHAR_TOKEN, LETTERS DIGITS "!#$%&'*+-.^_`|~");
}

TEST(a_field_value_has_no_control_byte_but_ht)
{
	for (int c = 0; c < 256; c++)
		ck_assert_msg(chars_is((char)c, CHAR_VALUE) ==
			(c == '\t' || (c >= ' ' && c != 0x7f)),
		    "byte 0x%02x", (unsigned)c);
}

TEST(a_uri_has_pchar_slash_question_mark_and_percent)
{
	assert_class(CHAR_URI, UNRESERVED SUB_DELIMS ":@/%?");
}

TEST(a_path_may_have_what_browsers_leave_in_it)
{
	assert_class(CHAR_PATH, UNRESERVED SUB_DELIMS ":@/%[]|");
}

TEST(a_query_may_have_all_but_controls_blanks_and_a_fragment)
{
	for (int c = 0; c < 256; c++)
		ck_assert_msg(chars_is((char)c, CHAR_QUERY) ==
			(c > ' ' && c != 0x7f && c != '#'),
		    "byte 0x%02x", (unsigned)c);
}

TEST(a_registered_name_is_unreserved_sub_delims_and_percent)
{
	assert_class(CHAR_NAME, UNRESERVED SUB_DELIMS "%");
}

TEST(what_is_never_encoded_is_unreserved_or_a_slash)
{
	assert_class(CHAR_PLAIN, UNRESERVED "/");
}

TEST(digits_and_hex_digits_are_ascii_only)
{
	assert_class(CHAR_DIGIT, DIGITS);
	assert_class(CHAR_HEX, DIGITS "abcdefABCDEF");
}

TEST(the_value_of_a_byte_that_is_no_hex_digit_is_minus_one)
{
	static const char digits[] = "0123456789abcdef";
	static const char capitals[] = "0123456789ABCDEF";

	for (int i = 0; i < 16; i++) {
		ck_assert_int_eq(chars_hex(digits[i]), i);
		ck_assert_int_eq(chars_hex(capitals[i]), i);
	}
	for (int c = 0; c < 256; c++)
		if (!chars_is((char)c, CHAR_HEX))
			ck_assert_int_eq(chars_hex((char)c), -1);
}

TEST(all_looks_at_every_byte_and_at_none_behind)
{
	ck_assert(chars_all(guard_copy("abc", 3), 3, CHAR_TOKEN));
	ck_assert(!chars_all(guard_copy("ab ", 3), 3, CHAR_TOKEN));
	ck_assert(!chars_all(guard_copy("\0bc", 3), 3, CHAR_TOKEN));
	ck_assert(chars_all(guard_copy("", 0), 0, CHAR_TOKEN));
	ck_assert(chars_all(NULL, 0, CHAR_TOKEN));
}

TEST(bytes_are_of_the_classes_that_all_of_them_are_of)
{
	ck_assert_uint_eq(
	    chars_classes(guard_copy("aB-", 3), 3) & CHAR_TOKEN, CHAR_TOKEN);
	ck_assert_uint_eq(
	    chars_classes(guard_copy("a/b", 3), 3) & CHAR_TOKEN, 0);
	ck_assert_uint_eq(chars_classes(guard_copy("\0ab", 3), 3), 0);
	ck_assert_uint_eq(chars_classes(guard_copy("", 0), 0), ~0u);
	ck_assert_uint_eq(chars_classes(NULL, 0), ~0u);
}

TEST(what_stands_for_itself_is_of_a_query_and_no_percent)
{
	for (int c = 0; c < 256; c++)
		ck_assert_msg(chars_is((char)c, CHAR_ITSELF) ==
			(chars_is((char)c, CHAR_QUERY) && c != '%'),
		    "byte 0x%02x", (unsigned)c);
}
