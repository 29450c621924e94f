#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "http/date.h"

#define DATE_FORMAT "%a, %d %b %Y %T GMT"
#define DATE_LONGEST sizeof("Wednesday, 09-Nov-94 08:49:37 GMT")
#define DATE_LAST INT64_C(253402300799) /* the end of the year 9999 */
#define NAME_LENGTH 3			/* of a day or a month */
#define TM_YEAR_ZERO 1900
#define YEARS_OF_TWO_DIGITS 100
#define YEAR_FIRST (1000 - TM_YEAR_ZERO) /* of four digits */
/* RFC 9110, 5.6.7: a two-digit year is never more than 50 years ahead. */
#define TWO_DIGIT_AHEAD 50

static void
put_digits(char *at, int count, int n)
{
	for (; count > 0; n /= 10)
		at[--count] = (char)('0' + n % 10);
}

/* Nearly each response has a date, and strftime(3) takes five times as long. */
void
date_format(time_t t, char out[DATE_SIZE])
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm tm;

	if (t < 0)
		t = 0;
	if (t > DATE_LAST)
		t = DATE_LAST;
	gmtime_r(&t, &tm);
	memcpy(out, "Day, 00 Mon 0000 00:00:00 GMT", DATE_SIZE);
	memcpy(out, days + (ptrdiff_t)tm.tm_wday * NAME_LENGTH, NAME_LENGTH);
	put_digits(out + 5, 2, tm.tm_mday);
	memcpy(
	    out + 8, months + (ptrdiff_t)tm.tm_mon * NAME_LENGTH, NAME_LENGTH);
	put_digits(out + 12, 4, tm.tm_year + TM_YEAR_ZERO);
	put_digits(out + 17, 2, tm.tm_hour);
	put_digits(out + 20, 2, tm.tm_min);
	put_digits(out + 23, 2, tm.tm_sec);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
/* strptime is generous: what it reads must look the same if it is written. */
static bool
read_as(const char *date, const char *pattern, struct tm *tm)
{
	char again[DATE_LONGEST];

	*tm = (struct tm){0};
	return strptime(date, pattern, tm) != NULL &&
	    strftime(again, sizeof(again), pattern, tm) > 0 &&
	    strcmp(again, date) == 0 && tm->tm_year >= YEAR_FIRST;
}
#pragma GCC diagnostic pop

static bool
read_with_short_year(const char *date, const char *pattern, struct tm *tm)
{
	const time_t now = time(NULL);
	struct tm today;
	int latest;

	if (!read_as(date, pattern, tm))
		return false;
	gmtime_r(&now, &today);
	latest = today.tm_year + TWO_DIGIT_AHEAD;
	tm->tm_year = latest -
	    (latest - tm->tm_year % YEARS_OF_TWO_DIGITS) % YEARS_OF_TWO_DIGITS;
	return true;
}

/* timegm makes 3 March out of 31 February; a leap second may end a day. */
static bool
is_in_calendar(struct tm tm)
{
	const int day = tm.tm_mday;

	if (tm.tm_sec > 60)
		return false;
	tm.tm_sec = 0;
	(void)timegm(&tm);
	return tm.tm_mday == day;
}

bool
date_parse(struct text t, time_t *out)
{
	char date[DATE_LONGEST];
	struct tm tm;

	if (t.len >= sizeof(date) || memchr(t.at, '\0', t.len) != NULL)
		return false;
	snprintf(date, sizeof(date), "%.*s", TEXT_ARG(t));
	if (!read_as(date, DATE_FORMAT, &tm) &&
	    !read_with_short_year(date, "%A, %d-%b-%y %T GMT", &tm) &&
	    !read_as(date, "%a %b %e %T %Y", &tm) &&
	    !read_as(date, "%a %b %d %T %Y", &tm))
		return false;
	if (!is_in_calendar(tm))
		return false;
	*out = timegm(&tm);
	return true;
}
