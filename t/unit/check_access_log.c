#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "guard.h"
#include "http/access_log.h"
#include "unit.h"

#define ROUNDS 20000
/* As access_log.c has them. */
#define ROOM 3584
#define LINE_MAX_BYTES 2048
#define FIELD_MAX_BYTES 768
#define WANTED_MAX 16384

/* All that a line of the formats below is made of. */
static struct access_log_entry entry;
static struct request request;
static char bytes[3][2 * LINE_MAX_BYTES];
static char wanted[WANTED_MAX];
static size_t wanted_room;

void
unit_set_up(void)
{
	/* With minutes, and without a summer time. */
	setenv("TZ", "TEST-05:45", 1);
	tzset();
}

/* The plain way, byte by byte. */

static size_t
write_byte(char *to, unsigned char c)
{
	static const char *const named[256] = {['"'] = "\\\"",
	    ['\\'] = "\\\\",
	    ['\n'] = "\\n",
	    ['\r'] = "\\r",
	    ['\t'] = "\\t"};

	if (named[c] != NULL)
		return (size_t)sprintf(to, "%s", named[c]);
	if (c >= ' ' && c <= '~')
		return (size_t)sprintf(to, "%c", c);
	return (size_t)sprintf(to, "\\x%02x", c);
}

static void
write_text(struct text t, size_t max)
{
	char *to = wanted + strlen(wanted);
	size_t all = 0, fits = 0;

	if (t.len == 0) {
		strcat(wanted, "-");
		return;
	}
	if (max > wanted_room)
		max = wanted_room;
	for (size_t i = 0; i < t.len && all <= max; i++) {
		all += write_byte(to + all, (unsigned char)t.at[i]);
		if (all + strlen("...") <= max)
			fits = all;
	}
	if (all > max)
		strcpy(to + fits, max >= strlen("...") ? "..." : "");
	wanted_room -= strlen(to);
}

static void
write_number(uint64_t n)
{
	sprintf(wanted + strlen(wanted), "%llu", (unsigned long long)n);
}

static void
write_time(void)
{
	int64_t began = entry.ended.tv_sec * CLOCK_SECOND +
	    entry.ended.tv_nsec - (entry.duration > 0 ? entry.duration : 0);
	time_t second = began / CLOCK_SECOND;
	struct tm tm;

	localtime_r(&second, &tm);
	strftime(wanted + strlen(wanted), 64, "[%d/%b/%Y:%H:%M:%S %z]", &tm);
}

static void
write_common(void)
{
	*wanted = '\0';
	wanted_room = ROOM;
	write_text(text_of(entry.client), LINE_MAX_BYTES);
	strcat(wanted, " - - ");
	write_time();
	strcat(wanted, " \"");
	write_text(entry.line, LINE_MAX_BYTES);
	strcat(wanted, "\" ");
	write_number((uint64_t)entry.status);
	strcat(wanted, " ");
	if (entry.content > 0)
		write_number(entry.content);
	else
		strcat(wanted, "-");
}

static void
write_field(enum field_id id)
{
	struct text value = {NULL, 0};

	strcat(wanted, " \"");
	(void)request_field(&request, id, &value);
	write_text(value, FIELD_MAX_BYTES);
	strcat(wanted, "\"");
}

static void
assert_line(const char *name)
{
	struct log_format format;
	struct buffer line = {0}, why = {0};
	const char *given;

	ck_assert_int_eq(log_format_parse(&format, name, &why), 0);
	access_log_add(&line, &format, &entry);
	given = buffer_string(&line);
	if (strcmp(given, wanted) != 0)
		ck_abort_msg("%s:\n%s\nnot\n%s", name, given, wanted);
	log_format_free(&format);
	buffer_free(&line);
}

/* Short ones mostly; few need an escape, or all do. */
static struct text
random_text(char *to)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz/.0123456789 ";
	size_t max = unit_random_below(8) == 0 ? 2 * LINE_MAX_BYTES : 120;
	size_t len = unit_random_below(max);

	if (unit_random_below(8) == 0)
		for (size_t i = 0; i < len; i++)
			to[i] = (char)unit_random();
	else
		unit_random_bytes(to, len, plain);
	for (size_t i = unit_random_below(3); i > 0 && len > 0; i--)
		to[unit_random_below(len)] = (char)unit_random();
	return guard_text((struct text){to, len});
}

static void
set_random_field(enum field_id id, char *to)
{
	request.counts[id] = unit_random_below(4) > 0;
	request.firsts[id] = (unsigned char)request.field_count;
	request.fields[request.field_count++].value = random_text(to);
}

static uint64_t
random_number(void)
{
	uint64_t n = (uint64_t)unit_random() << 32 | unit_random();

	return n >> unit_random_below(64);
}

static void
set_random_entry(void)
{
	static const char *const clients[] = {"127.0.0.1", "unix", "::1",
	    "2001:db8:1234:5678:9abc:def0:1234:5678"};

	request.field_count = 0;
	entry = (struct access_log_entry){
	    .client = clients[unit_random_below(4)],
	    .line = random_text(bytes[0]),
	    .request = &request,
	    .status = 100 + (int)unit_random_below(500),
	    .content = unit_random_below(4) > 0 ? random_number() : 0,
	    .ended = {(time_t)unit_random(),
		(long)unit_random_below(CLOCK_SECOND)},
	    .duration = (int64_t)(random_number() >> 30) - 1,
	};
	set_random_field(FIELD_REFERER, bytes[1]);
	set_random_field(FIELD_USER_AGENT, bytes[2]);
}

TEST(a_line_is_what_printf_and_strftime_make_of_it)
{
	for (int i = 0; i < ROUNDS; i++) {
		set_random_entry();
		write_common();
		assert_line("common");
		write_field(FIELD_REFERER);
		write_field(FIELD_USER_AGENT);
		assert_line("combined");
	}
}

/* The client's data is cut; what is counted must be the same. */
TEST(many_values_together_have_a_bound)
{
	char format[LOG_FORMAT_MAX] = "%h";

	set_random_entry();
	entry.client = "2001:db8:1234:5678:9abc:def0:1234:5678";
	*wanted = '\0';
	wanted_room = ROOM;
	write_text(text_of(entry.client), LINE_MAX_BYTES);
	for (int i = 0; i < 110; i++) {
		strcat(format, " %l %h");
		strcat(wanted, " - ");
		write_text(text_of(entry.client), LINE_MAX_BYTES);
	}
	ck_assert_uint_lt(wanted_room, strlen("..."));
	assert_line(format);
}
