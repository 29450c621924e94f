#include <inttypes.h>

#include "guard.h"
#include "http/range.h"
#include "unit.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static struct ranges ranges;

static enum ranges_result
parse(const char *value, uint64_t size)
{
	return ranges_parse(guard_text(text_of(value)), size, &ranges);
}

/* "0-4 6-9", as a person reads them; "ignored", "unsatisfiable". */
static const char *
read_ranges(const char *value, uint64_t size)
{
	static struct buffer b;

	buffer_clear(&b);
	switch (parse(value, size)) {
	case RANGES_IGNORED:
		return "ignored";
	case RANGES_UNSATISFIABLE:
		return "unsatisfiable";
	case RANGES_SATISFIABLE:
		break;
	}
	for (size_t i = 0; i < ranges.count; i++)
		buffer_printf(&b, "%s%" PRIu64 "-%" PRIu64, i > 0 ? " " : "",
		    ranges.at[i].first, ranges.at[i].last);
	return buffer_string(&b);
}

#define assert_ranges(value, size, wanted)                                     \
	ck_assert_str_eq(read_ranges(value, size), wanted)

TEST(the_examples_of_rfc_9110_14_1_2)
{
	assert_ranges("bytes=0-499", 10000, "0-499");
	assert_ranges("bytes=500-999", 10000, "500-999");
	assert_ranges("bytes=-500", 10000, "9500-9999");
	assert_ranges("bytes=9500-", 10000, "9500-9999");
	assert_ranges("bytes=0-0,-1", 10000, "0-0 9999-9999");
	assert_ranges("bytes= 0-999, 4500-5499, -1000", 10000,
	    "0-999 4500-5499 9000-9999");
	assert_ranges("bytes=500-600,601-999", 10000, "500-999");
	assert_ranges("bytes=500-700,601-999", 10000, "500-999");
}

TEST(the_name_of_the_unit_compares_without_case)
{
	assert_ranges("BYTES=0-1", 10, "0-1");
	assert_ranges("Bytes=0-1", 10, "0-1");
}

TEST(ranges_past_the_end_are_clamped)
{
	assert_ranges("bytes=5-10", 10, "5-9");
	assert_ranges("bytes=5-99999999999999999999999", 10, "5-9");
	assert_ranges("bytes=-11", 10, "0-9");
	assert_ranges("bytes=-99999999999999999999999", 10, "0-9");
	assert_ranges("bytes=9-9", 10, "9-9");
	assert_ranges("bytes=0-18446744073709551616", 10, "0-9");
}

TEST(ranges_behind_the_end_are_unsatisfiable)
{
	assert_ranges("bytes=10-", 10, "unsatisfiable");
	assert_ranges("bytes=10-10", 10, "unsatisfiable");
	assert_ranges("bytes=-0", 10, "unsatisfiable");
	assert_ranges("bytes=99999999999999999999-", 10, "unsatisfiable");
	assert_ranges("bytes=18446744073709551616-", 10, "unsatisfiable");
	assert_ranges("bytes=10-,20-30,-0", 10, "unsatisfiable");
}

TEST(all_ranges_of_an_empty_file_are_ignored)
{
	assert_ranges("bytes=0-", 0, "ignored");
	assert_ranges("bytes=0-0", 0, "ignored");
	assert_ranges("bytes=-1", 0, "ignored");
	assert_ranges("bytes=-0", 0, "ignored");
	assert_ranges("bytes=5-9,20-30", 0, "ignored");
}

TEST(one_satisfiable_range_is_enough)
{
	assert_ranges("bytes=10-,0-1,-0", 10, "0-1");
}

TEST(malformed_sets_and_other_units_are_ignored)
{
	static const char *const bad[] = {"", "bytes", "bytes=", "bytes=,",
	    "bytes=-", "bytes=a", "bytes=1", "bytes=1-0", "bytes=1-a",
	    "bytes=a-1", "bytes=--1", "bytes=1--2", "bytes=1-2-3",
	    "bytes=0-1;2-3", "bytes=0-1,x", "bytes=0-1,1-0", "bytes =0-1",
	    "bytes:0-1", "byte=0-1", "lines=0-1", "0-1", "bytes=0 - 1",
	    "bytes=+0-1", "bytes=0x0-1", "bytes=0-1\x01", "bytes=\"0-1\"",
	    "bytes=99999999999999999999-0"};

	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(parse(bad[i], 10) == RANGES_IGNORED,
		    "\"%s\" is not ignored", bad[i]);
}

TEST(ranges_that_overlap_or_touch_are_one)
{
	assert_ranges("bytes=0-5,5-9", 100, "0-9");
	assert_ranges("bytes=0-4,5-9", 100, "0-9");
	assert_ranges("bytes=0-3,5-9", 100, "0-3 5-9");
	assert_ranges("bytes=5-9,0-4", 100, "0-9");
	assert_ranges("bytes=0-1,4-5,2-3", 100, "0-5");
	assert_ranges("bytes=0-,1-1,2-2,-1", 100, "0-99");
	assert_ranges("bytes=0-0,0-0,0-0", 100, "0-0");
}

TEST(the_order_that_was_asked_for_is_kept)
{
	assert_ranges("bytes=50-59,10-19,30-39", 100, "50-59 10-19 30-39");
	assert_ranges("bytes=50-59,10-19,60-61", 100, "50-61 10-19");
}

static const char *
many(size_t count, const char *format)
{
	static struct buffer b;

	buffer_clear(&b);
	buffer_add_string(&b, "bytes=");
	for (size_t i = 0; i < count; i++)
		buffer_printf(&b, "%s%zu-%s", i > 0 ? "," : "", i * 10, format);
	return buffer_string(&b);
}

TEST(few_ranges_that_overlap_are_taken_and_many_are_ignored)
{
	ck_assert_int_eq(
	    parse(many(RANGES_UNORDERED_MAX, ""), 100000), RANGES_SATISFIABLE);
	ck_assert_int_eq(
	    parse(many(RANGES_UNORDERED_MAX + 1, ""), 100000), RANGES_IGNORED);
	ck_assert_int_eq(parse(many(10000, ""), 100000), RANGES_IGNORED);
}

/* So many ranges of one byte, in steps of two from one end or the other. */
static const char *
single_bytes(size_t count, bool descending)
{
	static struct buffer b;

	buffer_clear(&b);
	buffer_add_string(&b, "bytes=");
	for (size_t i = 0; i < count; i++) {
		size_t at = 2 * (descending ? count - i : i);

		buffer_printf(&b, "%zu-%zu,", at, at);
	}
	return buffer_string(&b);
}

TEST(many_ranges_that_ascend_are_taken)
{
	ck_assert_int_eq(
	    parse(single_bytes(RANGES_MAX, false), 100000), RANGES_SATISFIABLE);
	ck_assert_uint_eq(ranges.count, RANGES_MAX);
	for (size_t i = 0; i < RANGES_MAX; i++) {
		ck_assert_uint_eq(ranges.at[i].first, 2 * i);
		ck_assert_uint_eq(ranges.at[i].last, 2 * i);
	}
	ck_assert_int_eq(
	    parse(single_bytes(RANGES_MAX + 1, false), 100000), RANGES_IGNORED);
}

TEST(few_ranges_that_descend_are_taken_and_many_are_ignored)
{
	ck_assert_int_eq(
	    parse(single_bytes(RANGES_UNORDERED_MAX, true), 100000),
	    RANGES_SATISFIABLE);
	ck_assert_int_eq(
	    parse(single_bytes(RANGES_UNORDERED_MAX + 1, true), 100000),
	    RANGES_IGNORED);
}

TEST(many_ranges_of_which_one_is_out_of_order_are_ignored)
{
	struct buffer b = {0};

	for (size_t odd = 1; odd < 30; odd++) {
		buffer_clear(&b);
		buffer_add_string(&b, "bytes=");
		for (size_t i = 0; i < 30; i++)
			buffer_printf(&b, "%zu-%zu,", i * 10,
			    i * 10 + (i + 1 == odd ? 10 : 5));
		ck_assert_int_eq(
		    parse(buffer_string(&b), 100000), RANGES_IGNORED);
	}
	buffer_free(&b);
}

TEST(many_ranges_behind_the_end_are_unsatisfiable)
{
	ck_assert_int_eq(
	    parse(single_bytes(RANGES_MAX, false), 1), RANGES_SATISFIABLE);
	ck_assert_uint_eq(ranges.count, 1);
	ck_assert_int_eq(
	    parse(single_bytes(RANGES_MAX / 2, true), 2), RANGES_UNSATISFIABLE);
}

TEST(the_largest_file_has_its_last_byte)
{
	assert_ranges(
	    "bytes=-1", INT64_MAX, "9223372036854775806-9223372036854775806");
	assert_ranges("bytes=9223372036854775806-", INT64_MAX,
	    "9223372036854775806-9223372036854775806");
	assert_ranges("bytes=9223372036854775807-", INT64_MAX, "unsatisfiable");
}

#define SMALL 24

/* Which of the bytes a set asks for, found the slow way. */
struct asked {
	struct buffer value;
	bool bytes[SMALL];
};

static void
ask(struct asked *a, size_t size)
{
	size_t count = 1 + unit_random_below(RANGES_UNORDERED_MAX);

	buffer_clear(&a->value);
	buffer_add_string(&a->value, "bytes=");
	for (size_t i = 0; i < SMALL; i++)
		a->bytes[i] = false;
	while (count-- > 0) {
		size_t first = unit_random_below(SMALL + 4);
		size_t last = first + unit_random_below(5);

		if (unit_random_below(5) == 0) {
			buffer_printf(&a->value, "-%zu,", last);
			first = last < size ? size - last : 0;
			last = size - 1;
		} else {
			buffer_printf(&a->value, "%zu-%zu,", first, last);
		}
		for (size_t i = first; i <= last && i < size; i++)
			a->bytes[i] = true;
	}
}

static void
assert_covers(const struct asked *a, size_t size)
{
	bool covered[SMALL + 1] = {false};

	for (size_t i = 0; i < ranges.count; i++) {
		const struct range *r = &ranges.at[i];

		assert_quick(r->first <= r->last);
		assert_quick(r->last < size);
		for (uint64_t at = r->first; at <= r->last; at++) {
			assert_quick(!covered[at]); /* else it comes twice */
			covered[at] = true;
		}
	}
	for (size_t i = 0; i < size; i++)
		assert_quick(covered[i] == a->bytes[i]);
	/* Two that touch would be one. */
	for (size_t i = 0; i < ranges.count; i++)
		for (size_t j = 0; j < ranges.count; j++)
			assert_quick(
			    ranges.at[i].last + 1 != ranges.at[j].first);
}

TEST(ranges_never_overlap_and_are_exactly_the_bytes_asked_for)
{
	struct asked a = {0};

	for (int round = 0; round < 30000; round++) {
		size_t size = 1 + unit_random_below(SMALL);
		enum ranges_result result;

		ask(&a, size);
		result = parse(buffer_string(&a.value), size);
		assert_quick(result != RANGES_IGNORED);
		assert_quick(
		    (result == RANGES_SATISFIABLE) == (ranges.count > 0));
		assert_covers(&a, size);
	}
	buffer_free(&a.value);
}
