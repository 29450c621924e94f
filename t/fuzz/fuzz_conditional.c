/*
 * Preconditions against RFC 9110, 13, read anew.
 *
 * The first byte of an input chooses the method and a weak or strong entity
 * tag.  Each line after it is a field: m If-Match, n If-None-Match,
 * s If-Modified-Since, u If-Unmodified-Since, r If-Range, then its value.
 */
#include <string.h>

#include "fuzz.h"
#include "http/conditional.h"
#include "span.h"

#define NOW 1700000000
#define MODIFIED 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */
#define LINES_MAX 8
#define DATE_MAX 40

enum answer { NO, YES, MALFORMED };

struct conditions {
	char kinds[LINES_MAX];
	struct span values[LINES_MAX];
	size_t count;
};

static size_t
count_of(const struct conditions *c, char kind)
{
	size_t count = 0;

	for (size_t i = 0; i < c->count; i++)
		count += c->kinds[i] == kind;
	return count;
}

static struct span
first_of(const struct conditions *c, char kind)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->kinds[i] == kind)
			return c->values[i];
	return (struct span){"", 0};
}

/* Dates: RFC 9110, 5.6.7.  Read loosely, and right if written the same. */

static int
index_in(const char *word, const char *words, size_t width)
{
	const char *at = strlen(word) == width ? strstr(words, word) : NULL;

	return at == NULL || (size_t)(at - words) % width != 0
	    ? -1
	    : (int)((size_t)(at - words) / width);
}

static bool
to_time(struct tm tm, const char *month, time_t *out)
{
	struct tm noon = {.tm_hour = 12, .tm_mday = tm.tm_mday};
	int day = tm.tm_mday;

	tm.tm_mon = index_in(month, "JanFebMarAprMayJunJulAugSepOctNovDec", 3);
	if (tm.tm_mon < 0 || tm.tm_year < 0 || day < 0 || tm.tm_hour < 0 ||
	    tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 ||
	    tm.tm_sec < 0 || tm.tm_sec > 60)
		return false;
	tm.tm_year -= 1900;
	noon.tm_mon = tm.tm_mon;
	noon.tm_year = tm.tm_year;
	*out = timegm(&tm);
	timegm(&noon);
	/* The noon of 31 Feb is that of another day. */
	return noon.tm_mday == day;
}

static bool
is_short_day(const char *day)
{
	return index_in(day, "SunMonTueWedThuFriSat", 3) >= 0;
}

static bool
imf_date(const char *s, time_t *out)
{
	struct tm tm = {0};
	char day[4], month[4], again[DATE_MAX * 2];

	if (sscanf(s, "%3s, %2d %3s %4d %2d:%2d:%2d", day, &tm.tm_mday, month,
		&tm.tm_year, &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 7)
		return false;
	snprintf(again, sizeof(again), "%s, %02d %s %04d %02d:%02d:%02d GMT",
	    day, tm.tm_mday, month, tm.tm_year, tm.tm_hour, tm.tm_min,
	    tm.tm_sec);
	return strcmp(s, again) == 0 && is_short_day(day) &&
	    to_time(tm, month, out);
}

static bool
rfc850_date(const char *s, time_t *out)
{
	const char *days =
	    " Sunday Monday Tuesday Wednesday Thursday Friday Saturday ";
	struct tm tm = {0}, today;
	char day[11], padded[13], month[4], again[DATE_MAX * 2];
	time_t now = time(NULL);

	if (sscanf(s, "%10[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d", day,
		&tm.tm_mday, month, &tm.tm_year, &tm.tm_hour, &tm.tm_min,
		&tm.tm_sec) != 7)
		return false;
	snprintf(again, sizeof(again), "%s, %02d-%s-%02d %02d:%02d:%02d GMT",
	    day, tm.tm_mday, month, tm.tm_year, tm.tm_hour, tm.tm_min,
	    tm.tm_sec);
	snprintf(padded, sizeof(padded), " %s ", day);
	if (strcmp(s, again) != 0 || strstr(days, padded) == NULL ||
	    tm.tm_year < 0)
		return false;
	gmtime_r(&now, &today);
	tm.tm_year += 2000;
	if (tm.tm_year > today.tm_year + 1900 + 50)
		tm.tm_year -= 100;
	return to_time(tm, month, out);
}

static bool
asctime_date(const char *s, time_t *out)
{
	struct tm tm = {0};
	char day[4], month[4], again[DATE_MAX * 2], zero[DATE_MAX * 2];

	if (sscanf(s, "%3s %3s %2d %2d:%2d:%2d %4d", day, month, &tm.tm_mday,
		&tm.tm_hour, &tm.tm_min, &tm.tm_sec, &tm.tm_year) != 7)
		return false;
	snprintf(again, sizeof(again), "%s %s %2d %02d:%02d:%02d %04d", day,
	    month, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_year);
	snprintf(zero, sizeof(zero), "%s %s %02d %02d:%02d:%02d %04d", day,
	    month, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_year);
	return (strcmp(s, again) == 0 || strcmp(s, zero) == 0) &&
	    is_short_day(day) && to_time(tm, month, out);
}

static bool
is_date(struct span s, time_t *out)
{
	char string[DATE_MAX];

	if (s.len >= sizeof(string))
		return false;
	memcpy(string, s.at, s.len);
	string[s.len] = '\0';
	return imf_date(string, out) || rfc850_date(string, out) ||
	    asctime_date(string, out);
}

/* A field of which there may be only one (RFC 9110, 13.1.3 and 13.1.4). */
static bool
date_of(const struct conditions *c, char kind, time_t *out)
{
	return count_of(c, kind) == 1 && is_date(first_of(c, kind), out);
}

/* Entity tags: RFC 9110, 8.8.3. */

/* Where the one at i ends, or i: no byte of it is an escape. */
static size_t
entity_tag(struct span s, size_t i)
{
	size_t j = i;

	if (s.len - j >= 2 && memcmp(s.at + j, "W/", 2) == 0)
		j += 2;
	if (j == s.len || s.at[j] != '"')
		return i;
	for (j++; j < s.len && s.at[j] != '"'; j++)
		if ((unsigned char)s.at[j] <= ' ' || s.at[j] == 0x7f)
			return i;
	return j < s.len ? j + 1 : i;
}

static bool
tags_match(struct span a, const char *etag, bool strong)
{
	bool weak = begins(a, "W/"), other = etag[0] == 'W';

	if (weak)
		a = part(a, 2, a.len);
	return !(strong && (weak || other)) &&
	    same_case(a, other ? etag + 2 : etag);
}

static enum answer
list_matches(struct span s, const char *etag, bool strong)
{
	enum answer answer = NO;
	size_t i = 0;

	for (;;) {
		size_t end;

		i = skip(s, i, SPACE);
		end = entity_tag(s, i);
		if (end > i && tags_match(part(s, i, end), etag, strong))
			answer = YES;
		i = skip(s, end, SPACE);
		if (i == s.len)
			return answer;
		if (s.at[i++] != ',')
			return MALFORMED;
	}
}

static enum answer
matches(const struct conditions *c, char kind, const char *etag, bool strong)
{
	enum answer answer = NO;

	if (count_of(c, kind) == 1 && same(first_of(c, kind), "*"))
		return YES;
	for (size_t i = 0; i < c->count; i++) {
		enum answer one;

		if (c->kinds[i] != kind)
			continue;
		one = list_matches(c->values[i], etag, strong);
		if (one != NO && answer != MALFORMED)
			answer = one;
	}
	return answer;
}

/* RFC 9110, 13.2.2; -1 where a malformed list leaves it open. */
static int
expected(const struct conditions *c, bool safe, const char *etag)
{
	enum answer answer;
	time_t date;

	if (count_of(c, 'm') > 0) {
		answer = matches(c, 'm', etag, true);
		if (answer != YES)
			return answer == NO ? 412 : -1;
	} else if (date_of(c, 'u', &date) && MODIFIED > date)
		return 412;
	if (count_of(c, 'n') > 0) {
		answer = matches(c, 'n', etag, false);
		if (answer != YES)
			return answer == NO ? 0 : -1;
		return safe ? 304 : 412;
	}
	return safe && date_of(c, 's', &date) && date <= NOW && MODIFIED <= date
	    ? 304
	    : 0;
}

static void
check_if_range(const struct conditions *c, const char *etag, bool applies)
{
	struct span value = first_of(c, 'r');
	time_t date;

	if (count_of(c, 'r') != 1)
		FUZZ_CHECK(applies == (count_of(c, 'r') == 0), "%d", applies);
	else if (is_date(value, &date))
		/* Whether it is a strong validator is not known here. */
		FUZZ_CHECK(!applies || date == MODIFIED, "%d", applies);
	else
		FUZZ_CHECK(applies ==
			(entity_tag(value, 0) == value.len && value.len > 0 &&
			    tags_match(value, etag, true)),
		    "%d", applies);
}

static struct text
name_of(char kind)
{
	switch (kind) {
	case 'm':
		return TEXT("If-Match");
	case 'n':
		return TEXT("If-None-Match");
	case 's':
		return TEXT("If-Modified-Since");
	case 'u':
		return TEXT("If-Unmodified-Since");
	case 'r':
		return TEXT("If-Range");
	default:
		return (struct text){0};
	}
}

static void
add(struct conditions *c, struct request *r, struct span line)
{
	struct field *f = &r->fields[r->field_count];
	struct text name = line.len > 0 ? name_of(line.at[0]) : TEXT("");

	if (name.len == 0 || c->count == LINES_MAX || !is_field_content(line))
		return;
	c->kinds[c->count] = line.at[0];
	line = trim(part(line, 1, line.len));
	c->values[c->count++] = line;
	*f = (struct field){name, {line.at, line.len}, request_field_id(name)};
	if (r->counts[f->id]++ == 0)
		r->firsts[f->id] = (unsigned char)r->field_count;
	r->field_count++;
}

static void
try(struct span s, enum method method, const char *etag)
{
	static struct request r;
	struct validators v = {text_of(etag), MODIFIED};
	struct conditions c = {0};
	int got, want;

	request_reset(&r);
	r.method = method;
	for (size_t i = 0, end; i < s.len; i = end + 1) {
		end = find(s, i, "\n");
		add(&c, &r, part(s, i, end));
	}
	got = conditional_check(&r, &v, NOW);
	want =
	    expected(&c, method == METHOD_GET || method == METHOD_HEAD, etag);
	FUZZ_CHECK(got == 0 || got == 412 || got == 304, "%d", got);
	FUZZ_CHECK(want == -1 || got == want, "%d, not %d", got, want);
	check_if_range(&c, etag, conditional_range_applies(&r, &v));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const enum method methods[] = {
	    METHOD_GET, METHOD_HEAD, METHOD_PUT, METHOD_DELETE};
	char *copy;

	if (size == 0)
		return 0;
	copy = fuzz_copy(data + 1, size - 1);
	try((struct span){copy, size - 1}, methods[data[0] & 3],
	    data[0] & 4 ? "W/\"a\"" : "\"a\"");
	free(copy);
	return 0;
}
