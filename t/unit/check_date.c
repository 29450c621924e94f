#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "http/date.h"
#include "unit.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
/* Sun, 06 Nov 1994 08:49:37 GMT */
#define EXAMPLE ((time_t)784111777)
#define YEAR_10000 INT64_C(253402300800)

static bool
parses(const char *s, time_t *out)
{
	struct text t = guard_text(text_of(s));

	return date_parse(t, out);
}

TEST(the_three_forms_of_rfc_9110_5_6_7_are_read)
{
	static const char *const forms[] = {"Sun, 06 Nov 1994 08:49:37 GMT",
	    "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
	    "Sun Nov 06 08:49:37 1994"};
	time_t t;

	for (size_t i = 0; i < COUNT(forms); i++) {
		ck_assert_msg(parses(forms[i], &t), "%s", forms[i]);
		ck_assert_int_eq(t, EXAMPLE);
	}
}

TEST(imf_fixdate_is_written)
{
	char out[DATE_SIZE];

	date_format(EXAMPLE, out);
	ck_assert_str_eq(out, "Sun, 06 Nov 1994 08:49:37 GMT");
	date_format(0, out);
	ck_assert_str_eq(out, "Thu, 01 Jan 1970 00:00:00 GMT");
	date_format(951782400, out);
	ck_assert_str_eq(out, "Tue, 29 Feb 2000 00:00:00 GMT");
}

/* Days of 400 years, after which the calendar repeats, at all times of day. */
TEST(what_is_written_is_what_strftime_writes)
{
	const time_t day = 86400, days = 146097 + 366, step = day + 3607;
	char out[DATE_SIZE], wanted[DATE_SIZE];
	struct tm tm;

	for (time_t t = 0; t < days * day; t += step) {
		gmtime_r(&t, &tm);
		strftime(
		    wanted, sizeof(wanted), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		date_format(t, out);
		ck_assert_str_eq(out, wanted);
	}
}

TEST(times_that_the_form_cannot_show_are_its_first_or_last)
{
	char out[DATE_SIZE];

	date_format(-1, out);
	ck_assert_str_eq(out, "Thu, 01 Jan 1970 00:00:00 GMT");
	date_format(INT64_MIN, out);
	ck_assert_str_eq(out, "Thu, 01 Jan 1970 00:00:00 GMT");
	date_format(YEAR_10000 - 1, out);
	ck_assert_str_eq(out, "Fri, 31 Dec 9999 23:59:59 GMT");
	date_format(YEAR_10000, out);
	ck_assert_str_eq(out, "Fri, 31 Dec 9999 23:59:59 GMT");
	date_format(INT64_MAX, out);
	ck_assert_str_eq(out, "Fri, 31 Dec 9999 23:59:59 GMT");
}

TEST(what_is_written_is_read_back_up_to_the_year_9999)
{
	char out[DATE_SIZE], wanted[DATE_SIZE];
	time_t back;

	for (time_t t = 0; t < YEAR_10000; t += 98765432) {
		struct tm tm;

		date_format(t, out);
		gmtime_r(&t, &tm);
		strftime(wanted, sizeof(wanted), "%a, %d %b %Y %T GMT", &tm);
		ck_assert_str_eq(out, wanted);
		ck_assert(parses(out, &back));
		ck_assert_int_eq(back, t);
	}
}

TEST(every_day_and_month_is_read_back_in_every_form)
{
	char form[64], day[32];
	time_t back;

	/* Two years, one of them a leap year. */
	for (time_t t = 1704067200; t < 1767225600; t += 86400 + 3661) {
		struct tm tm;

		gmtime_r(&t, &tm);
		strftime(day, sizeof(day), "%A, %d-%b", &tm);
		snprintf(form, sizeof(form), "%s-%02d %02d:%02d:%02d GMT", day,
		    tm.tm_year % 100, tm.tm_hour, tm.tm_min, tm.tm_sec);
		ck_assert_msg(parses(form, &back) && back == t, "%s", form);
		strftime(form, sizeof(form), "%a %b %e %T %Y", &tm);
		ck_assert_msg(parses(form, &back) && back == t, "%s", form);
	}
}

TEST(a_two_digit_year_is_never_over_50_years_ahead)
{
	time_t now = time(NULL), t;
	struct tm tm;
	char form[64];

	gmtime_r(&now, &tm);
	for (int ahead = -49; ahead <= 50; ahead++) {
		int year = tm.tm_year + 1900 + ahead;
		struct tm got;

		snprintf(form, sizeof(form), "Monday, 01-Mar-%02d 00:00:00 GMT",
		    year % 100);
		ck_assert(parses(form, &t));
		gmtime_r(&t, &got);
		ck_assert_int_eq(got.tm_year + 1900, year);
	}
}

TEST(a_leap_second_is_a_time)
{
	time_t t;

	ck_assert(parses("Sat, 31 Dec 2016 23:59:60 GMT", &t));
	ck_assert_int_eq(t, 1483228800);
}

TEST(what_is_no_date_is_refused)
{
	static const char *const bad[] = {"", "0", "now",
	    "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT",
	    "sun, 06 nov 1994 08:49:37 gmt", "Sun, 06 Nov 1994 08:49:37 UTC",
	    "Sun, 06 Nov 1994 08:49:37 +0000", "Sun, 06 Nov 1994 08:49:37",
	    "Sun, 06 Nov 1994 08:49 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
	    "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
	    "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 32 Nov 1994 08:49:37 GMT",
	    "Sun, 06 Foo 1994 08:49:37 GMT", "Foo, 06 Nov 1994 08:49:37 GMT",
	    "Sun,06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994  08:49:37 GMT",
	    "Sun, 06 Nov 1994 08:49:37 GMT ", " Sun, 06 Nov 1994 08:49:37 GMT",
	    "Sun, 06 Nov 1994 08:49:37 GMT; length=1",
	    "Sun, -6 Nov 1994 08:49:37 GMT", "Sun, 06-Nov-94 08:49:37 GMT",
	    "Sunday, 06-Nov-1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994",
	    "Sun Nov  6 08:49:37 94", "Sun Nov  6 08:49:37 1994 GMT"};
	time_t t;

	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(!parses(bad[i], &t), "\"%s\" is taken", bad[i]);
}

TEST(no_beginning_of_a_date_is_a_date)
{
	static const struct text forms[] = {
	    {"Sun, 06 Nov 1994 08:49:37 GMT", 29},
	    {"Sunday, 06-Nov-94 08:49:37 GMT", 30},
	    {"Sun Nov  6 08:49:37 1994", 24}};
	time_t t;

	for (size_t i = 0; i < COUNT(forms); i++)
		for (size_t len = 0; len < forms[i].len; len++)
			ck_assert(!date_parse(
			    guard_text((struct text){forms[i].at, len}), &t));
}

TEST(a_date_with_any_one_byte_changed_is_refused_or_another_time)
{
	static const char date[] = "Sun, 06 Nov 1994 08:49:37 GMT";
	char changed[sizeof(date)];
	time_t t;

	/* From the day on: what day of the week it was, nobody asks. */
	for (size_t at = 5; at < sizeof(date) - 1; at++)
		for (int c = 0; c < 256; c++) {
			if ((char)c == date[at])
				continue;
			memcpy(changed, date, sizeof(date));
			changed[at] = (char)c;
			ck_assert_msg(
			    !date_parse(guard_text((struct text){
					    changed, sizeof(date) - 1}),
				&t) ||
				t != EXAMPLE,
			    "%s", changed);
		}
}
