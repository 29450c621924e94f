#include "base/clock.h"
#include "base/units.h"
#include "guard.h"
#include "unit.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

TEST(times_are_read_in_ms_s_m_h_and_bare_seconds)
{
	static const struct {
		const char *word;
		int64_t value;
	} times[] = {{"0", 0}, {"0ms", 0}, {"1500ms", 1500000000},
	    {"20s", 20 * CLOCK_SECOND}, {"20", 20 * CLOCK_SECOND},
	    {"5m", 300 * CLOCK_SECOND}, {"1h", 3600 * CLOCK_SECOND},
	    {"007s", 7 * CLOCK_SECOND}};
	int64_t value;

	for (size_t i = 0; i < COUNT(times); i++) {
		ck_assert(units_time(guard_string(times[i].word), &value));
		ck_assert_int_eq(value, times[i].value);
	}
}

TEST(times_have_no_signs_spaces_fractions_or_other_units)
{
	static const char *const bad[] = {"", "s", "ms", "-1s", "+1s", " 1s",
	    "1 s", "1s ", "1.5s", "1S", "1M", "1d", "1mss", "1sm", "0x1", "1k",
	    "1e3", "infinity"};
	int64_t value;

	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(!units_time(guard_string(bad[i]), &value),
		    "\"%s\" is taken", bad[i]);
}

TEST(times_end_at_ten_years_in_every_unit)
{
	int64_t value;

	ck_assert(units_time("87840h", &value));
	ck_assert_int_eq(value, 87840 * 3600 * CLOCK_SECOND);
	ck_assert(!units_time("87841h", &value));
	ck_assert(units_time("316224000", &value));
	ck_assert(!units_time("316224001", &value));
	ck_assert(!units_time("18446744073709551616ms", &value));
	ck_assert(!units_time("5124095576030432h", &value));
}

TEST(sizes_are_read_in_k_m_g_of_1024)
{
	static const struct {
		const char *word;
		uint64_t value;
	} sizes[] = {{"0", 0}, {"8192", 8192}, {"32k", 32768}, {"32K", 32768},
	    {"1M", 1048576}, {"2G", UINT64_C(2147483648)}};
	uint64_t value;

	for (size_t i = 0; i < COUNT(sizes); i++) {
		ck_assert(units_size(guard_string(sizes[i].word), &value));
		ck_assert_uint_eq(value, sizes[i].value);
	}
}

TEST(sizes_have_no_other_units)
{
	static const char *const bad[] = {"", "k", "-1", "+1", "1.5k", "1 k",
	    "1kB", "1T", "1m", "1b", "1g", " 1"};
	uint64_t value;

	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(!units_size(guard_string(bad[i]), &value),
		    "\"%s\" is taken", bad[i]);
}

TEST(sizes_end_where_a_file_offset_does)
{
	uint64_t value;

	ck_assert(units_size("9223372036854775807", &value));
	ck_assert_uint_eq(value, INT64_MAX);
	ck_assert(!units_size("9223372036854775808", &value));
	ck_assert(units_size("8589934591G", &value));
	ck_assert(!units_size("8589934592G", &value));
	ck_assert(!units_size("18014398509481985k", &value));
}
