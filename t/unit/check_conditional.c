#include "heads.h"
#include "http/conditional.h"

#define BEFORE "Sat, 05 Nov 1994 08:49:37 GMT"
#define EXACTLY "Sun, 06 Nov 1994 08:49:37 GMT"
#define AFTER "Mon, 07 Nov 1994 08:49:37 GMT"
#define FUTURE "Tue, 06 Nov 2040 08:49:37 GMT"
#define MODIFIED ((time_t)784111777)
#define NOW (MODIFIED + 1000000)

static const struct validators strong = {
    .etag = {"\"a\"", 3}, .modified = MODIFIED};
static const struct validators weak = {
    .etag = {"W/\"a\"", 5}, .modified = MODIFIED};

static int
check_as(const struct validators *v, const char *method, const char *lines)
{
	return conditional_check(heads_request_with(method, lines), v, NOW);
}

static int
check(const char *lines)
{
	return check_as(&strong, "GET", lines);
}

TEST(without_a_precondition_a_request_is_performed)
{
	ck_assert_int_eq(check(""), 0);
	ck_assert_int_eq(check("Range: bytes=0-1\r\nIf-Range: \"b\"\r\n"), 0);
}

TEST(if_match_is_412_unless_a_tag_matches_strongly)
{
	ck_assert_int_eq(check("If-Match: \"a\"\r\n"), 0);
	ck_assert_int_eq(check("If-Match: \"b\", \"a\"\r\n"), 0);
	ck_assert_int_eq(check("If-Match: \"b\"\r\nIf-Match: \"a\"\r\n"), 0);
	ck_assert_int_eq(check("If-Match: *\r\n"), 0);
	ck_assert_int_eq(check("If-Match: \"b\"\r\n"), 412);
	ck_assert_int_eq(check("If-Match: W/\"a\"\r\n"), 412);
	ck_assert_int_eq(check("If-Match: a\r\n"), 412);
	ck_assert_int_eq(check("If-Match: \"A\"\r\n"), 412);
	ck_assert_int_eq(check("If-Match: \"b,\"a\"\r\n"), 412);
	ck_assert_int_eq(check_as(&weak, "GET", "If-Match: W/\"a\"\r\n"), 412);
	ck_assert_int_eq(check_as(&weak, "GET", "If-Match: *\r\n"), 0);
}

TEST(if_unmodified_since_is_412_after_a_change)
{
	ck_assert_int_eq(check("If-Unmodified-Since: " BEFORE "\r\n"), 412);
	ck_assert_int_eq(check("If-Unmodified-Since: " EXACTLY "\r\n"), 0);
	ck_assert_int_eq(check("If-Unmodified-Since: " AFTER "\r\n"), 0);
	ck_assert_int_eq(check("If-Unmodified-Since: yesterday\r\n"), 0);
	ck_assert_int_eq(check("If-Unmodified-Since: \r\n"), 0);
}

TEST(if_match_makes_if_unmodified_since_void)
{
	ck_assert_int_eq(check("If-Match: \"a\"\r\n"
			       "If-Unmodified-Since: " BEFORE "\r\n"),
	    0);
	ck_assert_int_eq(check("If-Match: \"b\"\r\n"
			       "If-Unmodified-Since: " AFTER "\r\n"),
	    412);
}

TEST(if_none_match_is_304_when_a_tag_matches_weakly)
{
	ck_assert_int_eq(check("If-None-Match: \"a\"\r\n"), 304);
	ck_assert_int_eq(check("If-None-Match: W/\"a\"\r\n"), 304);
	ck_assert_int_eq(check("If-None-Match: \"b\" , \"a\"\r\n"), 304);
	ck_assert_int_eq(check("If-None-Match: *\r\n"), 304);
	ck_assert_int_eq(check("If-None-Match: \"b\"\r\n"), 0);
	ck_assert_int_eq(check("If-None-Match: a\r\n"), 0);
	ck_assert_int_eq(check("If-None-Match: \"\"\r\n"), 0);
	ck_assert_int_eq(
	    check_as(&weak, "GET", "If-None-Match: \"a\"\r\n"), 304);
}

TEST(if_none_match_is_412_for_methods_that_change_things)
{
	ck_assert_int_eq(
	    check_as(&strong, "HEAD", "If-None-Match: *\r\n"), 304);
	ck_assert_int_eq(check_as(&strong, "PUT", "If-None-Match: *\r\n"), 412);
	ck_assert_int_eq(
	    check_as(&strong, "POST", "If-None-Match: \"a\"\r\n"), 412);
	ck_assert_int_eq(
	    check_as(&strong, "PUT", "If-None-Match: \"b\"\r\n"), 0);
}

TEST(if_modified_since_is_304_when_nothing_changed)
{
	ck_assert_int_eq(check("If-Modified-Since: " BEFORE "\r\n"), 0);
	ck_assert_int_eq(check("If-Modified-Since: " EXACTLY "\r\n"), 304);
	ck_assert_int_eq(check("If-Modified-Since: " AFTER "\r\n"), 304);
	ck_assert_int_eq(
	    check("If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n"), 304);
	ck_assert_int_eq(
	    check("If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n"),
	    304);
}

TEST(dates_that_are_none_or_lie_in_the_future_are_ignored)
{
	ck_assert_int_eq(check("If-Modified-Since: " FUTURE "\r\n"), 0);
	ck_assert_int_eq(check("If-Modified-Since: tomorrow\r\n"), 0);
	ck_assert_int_eq(check("If-Modified-Since: \r\n"), 0);
	ck_assert_int_eq(check("If-Modified-Since: " EXACTLY "\r\n"
			       "If-Modified-Since: " EXACTLY "\r\n"),
	    0);
}

TEST(if_modified_since_is_for_get_and_head_only)
{
	ck_assert_int_eq(
	    check_as(&strong, "HEAD", "If-Modified-Since: " AFTER "\r\n"), 304);
	ck_assert_int_eq(
	    check_as(&strong, "POST", "If-Modified-Since: " AFTER "\r\n"), 0);
}

TEST(if_none_match_makes_if_modified_since_void)
{
	ck_assert_int_eq(check("If-None-Match: \"b\"\r\n"
			       "If-Modified-Since: " AFTER "\r\n"),
	    0);
	ck_assert_int_eq(check("If-None-Match: \"a\"\r\n"
			       "If-Modified-Since: " BEFORE "\r\n"),
	    304);
}

TEST(what_is_412_comes_before_what_is_304)
{
	ck_assert_int_eq(
	    check("If-None-Match: \"a\"\r\nIf-Match: \"b\"\r\n"), 412);
	ck_assert_int_eq(check("If-Modified-Since: " AFTER "\r\n"
			       "If-Unmodified-Since: " BEFORE "\r\n"),
	    412);
	ck_assert_int_eq(
	    check("If-Match: \"a\"\r\nIf-None-Match: \"a\"\r\n"), 304);
}

static bool
applies_to(const struct validators *v, const char *lines)
{
	return conditional_range_applies(heads_request_with("GET", lines), v);
}

TEST(a_range_applies_without_if_range_or_with_the_strong_tag)
{
	ck_assert(applies_to(&strong, ""));
	ck_assert(applies_to(&strong, "If-Range: \"a\"\r\n"));
	ck_assert(!applies_to(&strong, "If-Range: \"b\"\r\n"));
	ck_assert(!applies_to(&strong, "If-Range: W/\"a\"\r\n"));
	ck_assert(!applies_to(&weak, "If-Range: W/\"a\"\r\n"));
	ck_assert(!applies_to(&weak, "If-Range: \"a\"\r\n"));
	ck_assert(!applies_to(&strong, "If-Range: *\r\n"));
	ck_assert(!applies_to(&strong, "If-Range: \"b\", \"a\"\r\n"));
	ck_assert(!applies_to(&strong, "If-Range: \r\n"));
	ck_assert(
	    !applies_to(&strong, "If-Range: \"a\"\r\nIf-Range: \"a\"\r\n"));
}

TEST(a_range_applies_with_the_exact_date_of_a_strong_representation)
{
	ck_assert(applies_to(&strong, "If-Range: " EXACTLY "\r\n"));
	ck_assert(!applies_to(&strong, "If-Range: " BEFORE "\r\n"));
	ck_assert(!applies_to(&strong, "If-Range: " AFTER "\r\n"));
	ck_assert(!applies_to(&weak, "If-Range: " EXACTLY "\r\n"));
}
