#include "base/chars.h"
#include "guard.h"
#include "http/grammar.h"
#include "unit.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

TEST(a_token_is_taken_up_to_the_first_other_byte)
{
	struct text t = guard_text(TEXT("abc=d"));

	ck_assert(grammar_token(&t));
	assert_text_eq(t, "=d");
	ck_assert(!grammar_token(&t));
	t = guard_text(TEXT("abc"));
	ck_assert(grammar_token(&t));
	ck_assert_uint_eq(t.len, 0);
	ck_assert(!grammar_token(&t));
}

TEST(space_is_any_number_of_sp_and_ht)
{
	struct text t = guard_text(TEXT(" \t \ra"));

	grammar_space(&t);
	assert_text_eq(t, "\ra");
	grammar_space(&t);
	assert_text_eq(t, "\ra");
	t = guard_text(TEXT(" \t"));
	grammar_space(&t);
	ck_assert_uint_eq(t.len, 0);
}

TEST(a_quoted_string_is_taken_whole)
{
	struct text t = guard_text(TEXT("\"a\\\"\\\\\t\x80\"b"));

	ck_assert(grammar_quoted_string(&t));
	assert_text_eq(t, "b");
	t = guard_text(TEXT("\"\""));
	ck_assert(grammar_quoted_string(&t));
	ck_assert_uint_eq(t.len, 0);
}

TEST(other_strings_are_not_quoted_strings)
{
	static const struct text bad[] = {{"", 0}, {"a", 1}, {"\"", 1},
	    {"\"a", 2}, {"\"\\", 2}, {"\"\\\"", 3}, {"\"\r\"", 3},
	    {"\"\\\n\"", 4}, {"\"\0\"", 3}, {"\"\x7f\"", 3}, {"'a'", 3}};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct text t = guard_text(bad[i]);

		ck_assert_msg(!grammar_quoted_string(&t), "%s is taken",
		    unit_show(bad[i].at, bad[i].len));
	}
}

static bool
are_parameters(const char *s, bool values_required)
{
	return grammar_parameters(guard_text(text_of(s)), values_required);
}

TEST(parameters_are_taken_with_bad_white_space)
{
	static const char *const good[] = {"", ";a=b", " ; a = b", ";a=\"b;\"",
	    ";a=b;c=d", "\t;\ta\t=\t\"\"\t;\tc=d"};

	for (size_t i = 0; i < COUNT(good); i++) {
		ck_assert_msg(are_parameters(good[i], true), "%s", good[i]);
		ck_assert_msg(are_parameters(good[i], false), "%s", good[i]);
	}
}

TEST(values_may_or_must_be_there)
{
	static const char *const bare[] = {
	    ";a", ";a;b=c", " ; a ; b", ";b=c;a"};

	for (size_t i = 0; i < COUNT(bare); i++) {
		ck_assert_msg(!are_parameters(bare[i], true), "%s", bare[i]);
		ck_assert_msg(are_parameters(bare[i], false), "%s", bare[i]);
	}
}

TEST(other_parameters_are_refused)
{
	static const char *const bad[] = {" ", "a", ";", "; ", ";=b",
	    ";a=", ";a= ", ";a=b ", ";a ", ";a=b c", ";a b", ";;a", ";a=b;",
	    ";a=\"", ";a=\"b\"c", ";a==b", ",a", ";a=b,", ";a=\x7f"};

	for (size_t i = 0; i < COUNT(bad); i++) {
		ck_assert_msg(!are_parameters(bad[i], true), "%s", bad[i]);
		ck_assert_msg(!are_parameters(bad[i], false), "%s", bad[i]);
	}
}

static void
assert_field(struct text line, const char *name, const char *value)
{
	struct text found_name, found_value;

	line = guard_text(line);
	ck_assert_uint_eq(
	    grammar_field(line, &found_name, &found_value), line.len);
	ck_assert(text_equal(found_name, text_of(name)));
	ck_assert(text_equal(found_value, text_of(value)));
}

/* It ends there, or is none at all. */
static void
assert_field_ends(struct text line, size_t end)
{
	struct text name, value;

	ck_assert_uint_eq(grammar_field(guard_text(line), &name, &value), end);
}

TEST(a_field_is_a_token_a_colon_and_a_value)
{
	assert_field(TEXT("A: b"), "A", "b");
	assert_field(TEXT("A:"), "A", "");
	assert_field(TEXT("A: \t"), "A", "");
	assert_field(TEXT("A::\t\x80"), "A", ":\t\x80");
	assert_field(TEXT("A:b\t c \t"), "A", "b\t c");
	assert_field_ends(TEXT(""), 0);
	assert_field_ends(TEXT("A"), 0);
	assert_field_ends(TEXT(":"), 0);
	assert_field_ends(TEXT(": b"), 0);
	assert_field_ends(TEXT("A : b"), 0);
	assert_field_ends(TEXT(" A: b"), 0);
	assert_field_ends(TEXT("A: b\r"), 4);
	assert_field_ends(TEXT("A: b\0"), 4);
	assert_field_ends(TEXT("A: b\x7f"), 4);
	assert_field_ends(TEXT("A:\r\n"), 2);
}
