#include <stdio.h>
#include <string.h>

#include "http/date.h"

#define TM_EPOCH 1900
#define DATE_LAST INT64_C(253402300799) /* the end of the year 9999 */
/* RFC 9110, 5.6.7: a two-digit year is never more than 50 years ahead. */
#define TWO_DIGIT_AHEAD 50

static const char *const short_days[] = {
    "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", NULL};
static const char *const long_days[] = {"Sunday", "Monday", "Tuesday",
    "Wednesday", "Thursday", "Friday", "Saturday", NULL};
static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", NULL};

/* By hand: strftime would ask the locale for its names. */
void
date_format(time_t t, char out[DATE_SIZE])
{
	struct tm tm;

	if (t < 0)
		t = 0;
	if (t > DATE_LAST)
		t = DATE_LAST;
	gmtime_r(&t, &tm);
	snprintf(out, DATE_SIZE, "%s, %02u %s %04u %02u:%02u:%02u GMT",
	    short_days[tm.tm_wday], (unsigned)tm.tm_mday % 100,
	    months[tm.tm_mon], (unsigned)(tm.tm_year + TM_EPOCH) % 10000,
	    (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
	    (unsigned)tm.tm_sec % 100);
}

static bool
take_name(struct text *t, const char *const *names, int *index)
{
	for (int i = 0; names[i] != NULL; i++) {
		struct text name = text_of(names[i]);

		if (!text_begins(*t, name))
			continue;
		t->at += name.len;
		t->len -= name.len;
		*index = i;
		return true;
	}
	return false;
}

static bool
take_digits(struct text *t, size_t count, int *number)
{
	uint64_t n;

	if (t->len < count ||
	    !text_to_number((struct text){t->at, count}, 9999, &n))
		return false;
	t->at += count;
	t->len -= count;
	*number = (int)n;
	return true;
}

static bool
take_char(struct text *t, char c)
{
	if (t->len == 0 || t->at[0] != c)
		return false;
	t->at++;
	t->len--;
	return true;
}

static bool
take_time(struct text *t, struct tm *tm)
{
	return take_digits(t, 2, &tm->tm_hour) && take_char(t, ':') &&
	    take_digits(t, 2, &tm->tm_min) && take_char(t, ':') &&
	    take_digits(t, 2, &tm->tm_sec);
}

static bool
take_two_digit_year(struct text *t, int *year)
{
	time_t now = time(NULL);
	struct tm tm;
	int this_year;

	if (!take_digits(t, 2, year))
		return false;
	gmtime_r(&now, &tm);
	this_year = tm.tm_year + TM_EPOCH;
	*year += this_year - this_year % 100;
	if (*year > this_year + TWO_DIGIT_AHEAD)
		*year -= 100;
	return true;
}

/* asctime pads the day with a space. */
static bool
take_padded_day(struct text *t, int *day)
{
	return take_char(t, ' ') ? take_digits(t, 1, day)
				 : take_digits(t, 2, day);
}

/*
 * A part of a date, by strptime(3)'s letters: %a, %A short and long day of the
 * week, %d day, %e padded day, %b month, %y, %Y year, %T time of the day.
 */
static bool
take_part(struct text *t, char part, struct tm *tm)
{
	switch (part) {
	case 'a':
		return take_name(t, short_days, &tm->tm_wday);
	case 'A':
		return take_name(t, long_days, &tm->tm_wday);
	case 'd':
		return take_digits(t, 2, &tm->tm_mday);
	case 'e':
		return take_padded_day(t, &tm->tm_mday);
	case 'b':
		return take_name(t, months, &tm->tm_mon);
	case 'y':
		return take_two_digit_year(t, &tm->tm_year);
	case 'Y':
		return take_digits(t, 4, &tm->tm_year);
	case 'T':
		return take_time(t, tm);
	default:
		return false;
	}
}

static bool
is_sane(const struct tm *tm)
{
	return tm->tm_mday >= 1 && tm->tm_mday <= 31 && tm->tm_hour <= 23 &&
	    tm->tm_min <= 59 && tm->tm_sec <= 60;
}

/* timegm makes 3 March out of 31 February; a leap second may end a day. */
static bool
is_in_calendar(struct tm tm)
{
	int day = tm.tm_mday;

	tm.tm_sec = 0;
	(void)timegm(&tm);
	return tm.tm_mday == day;
}

static bool
parse_as(struct text t, const char *pattern, time_t *out)
{
	struct tm tm = {0};
	struct tm day;

	for (; *pattern != '\0'; pattern++) {
		bool is_part = *pattern == '%';

		if (is_part ? !take_part(&t, *++pattern, &tm)
			    : !take_char(&t, *pattern))
			return false;
	}
	if (t.len > 0 || !is_sane(&tm))
		return false;
	tm.tm_year -= TM_EPOCH;
	day = tm;
	*out = timegm(&tm);
	return is_in_calendar(day);
}

bool
date_parse(struct text t, time_t *out)
{
	return parse_as(t, "%a, %d %b %Y %T GMT", out) ||
	    parse_as(t, "%A, %d-%b-%y %T GMT", out) ||
	    parse_as(t, "%a %b %e %T %Y", out);
}
