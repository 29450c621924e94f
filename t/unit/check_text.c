#include <string.h>

#include "base/text.h"
#include "guard.h"
#include "unit.h"

TEST(equal_compares_every_byte_and_nul_too)
{
	ck_assert(text_equal(TEXT("a\0b"), TEXT("a\0b")));
	ck_assert(!text_equal(TEXT("a\0b"), TEXT("a\0c")));
	ck_assert(!text_equal(TEXT("a"), TEXT("ab")));
	ck_assert(!text_equal(TEXT("a"), TEXT("A")));
}

TEST(empty_texts_are_equal_whatever_they_point_to)
{
	ck_assert(text_equal((struct text){NULL, 0}, TEXT("")));
	ck_assert(text_equal_nocase((struct text){NULL, 0}, TEXT("")));
	ck_assert(text_begins((struct text){NULL, 0}, TEXT("")));
}

TEST(strings_are_cut_at_each_nul)
{
	struct text rest = TEXT("a\0\0bc\0d"), string;

	ck_assert(text_cut_string(&rest, &string));
	ck_assert(text_equal(string, TEXT("a")));
	ck_assert(text_cut_string(&rest, &string));
	ck_assert(text_equal(string, TEXT("")));
	ck_assert(text_cut_string(&rest, &string));
	ck_assert(text_equal(string, TEXT("bc")));
	ck_assert(!text_cut_string(&rest, &string));
	ck_assert(text_equal(rest, TEXT("d")));
	rest = (struct text){NULL, 0};
	ck_assert(!text_cut_string(&rest, &string));
}

static int
ascii_lower(int c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

TEST(only_ascii_letters_compare_without_case)
{
	for (int a = 0; a < 256; a++)
		for (int b = 0; b < 256; b++) {
			char x = (char)a, y = (char)b;
			bool same = text_equal_nocase(
			    (struct text){&x, 1}, (struct text){&y, 1});

			ck_assert_msg(
			    same == (ascii_lower(a) == ascii_lower(b)),
			    "bytes %d and %d", a, b);
		}
	ck_assert(!text_equal_nocase(TEXT("host"), TEXT("hosts")));
	ck_assert(!text_equal_nocase(TEXT("a\0B"), TEXT("A\0c")));
}

TEST(begins_asks_no_more_bytes_than_there_are)
{
	ck_assert(text_begins(guard_text(TEXT("abc")), TEXT("abc")));
	ck_assert(text_begins(guard_text(TEXT("abc")), TEXT("")));
	ck_assert(!text_begins(guard_text(TEXT("ab")), TEXT("abc")));
	ck_assert(!text_begins(guard_text(TEXT("abd")), TEXT("abc")));
}

TEST(trim_takes_spaces_and_tabs_from_both_ends_only)
{
	assert_text_eq(text_trim(guard_text(TEXT(" \t a \t b\t "))), "a \t b");
	assert_text_eq(text_trim(guard_text(TEXT("\va\r"))), "\va\r");
	assert_text_eq(text_trim(guard_text(TEXT(" \t "))), "");
	assert_text_eq(text_trim((struct text){NULL, 0}), "");
}

/* The elements of a list with "|" between them. */
static const char *
elements(struct text list)
{
	static struct buffer all;
	struct text rest = guard_text(list), element;

	buffer_clear(&all);
	while (text_next_element(&rest, &element)) {
		ck_assert_uint_gt(element.len, 0);
		buffer_add_text(&all, element);
		buffer_add_char(&all, '|');
	}
	ck_assert_uint_eq(rest.len, 0);
	return buffer_string(&all);
}

TEST(list_elements_are_trimmed_and_empty_ones_skipped)
{
	ck_assert_str_eq(elements(TEXT("a, b\t,c")), "a|b|c|");
	ck_assert_str_eq(elements(TEXT(",, ,a,\t,")), "a|");
	ck_assert_str_eq(elements(TEXT("")), "");
	ck_assert_str_eq(elements(TEXT(" , ")), "");
}

TEST(quoted_strings_in_a_list_are_kept_whole)
{
	ck_assert_str_eq(elements(TEXT("\"a,b\", c")), "\"a,b\"|c|");
	ck_assert_str_eq(elements(TEXT("\"a\\\",b\",c")), "\"a\\\",b\"|c|");
	ck_assert_str_eq(elements(TEXT("\"a,b")), "\"a,b|");
	ck_assert_str_eq(elements(TEXT("\"a\\")), "\"a\\|");
	ck_assert_str_eq(elements(TEXT("a\\,b")), "a\\|b|");
}

static bool
is_number(struct text t, uint64_t max, uint64_t wanted)
{
	uint64_t n = ~wanted;

	return text_to_number(guard_text(t), max, &n) && n == wanted;
}

TEST(numbers_are_decimal_digits_and_nothing_else)
{
	static const struct text bad[] = {{"", 0}, {"-1", 2}, {"+1", 2},
	    {" 1", 2}, {"1 ", 2}, {"0x1", 3}, {"1\0", 2}, {"1e3", 3},
	    {"1.0", 3}, {"\xb2", 1}, {"/", 1}, {":", 1}};
	uint64_t n;

	ck_assert(is_number(TEXT("0"), UINT64_MAX, 0));
	ck_assert(is_number(TEXT("007"), UINT64_MAX, 7));
	ck_assert(is_number(TEXT("1234567890"), UINT64_MAX, 1234567890));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!text_to_number(bad[i], UINT64_MAX, &n), "\"%s\"",
		    unit_show(bad[i].at, bad[i].len));
}

TEST(numbers_over_64_bits_do_not_wrap)
{
	uint64_t n;

	ck_assert(
	    is_number(TEXT("18446744073709551615"), UINT64_MAX, UINT64_MAX));
	ck_assert(
	    !text_to_number(TEXT("18446744073709551616"), UINT64_MAX, &n));
	ck_assert(
	    !text_to_number(TEXT("18446744073709551620"), UINT64_MAX, &n));
	ck_assert(
	    !text_to_number(TEXT("99999999999999999999"), UINT64_MAX, &n));
}

TEST(numbers_over_max_are_refused_for_every_small_max)
{
	for (uint64_t max = 0; max < 120; max++)
		for (unsigned n = 0; n < 240; n++) {
			struct buffer b = {0};
			uint64_t got = 0;
			bool taken;

			buffer_add_number(&b, n);
			taken = text_to_number(buffer_text(&b), max, &got);
			ck_assert_msg(taken == (n <= max),
			    "%u is %s with max %u", n,
			    taken ? "taken" : "refused", (unsigned)max);
			if (taken)
				ck_assert_uint_eq(got, n);
			buffer_free(&b);
		}
}
