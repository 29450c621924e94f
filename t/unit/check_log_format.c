#include <string.h>

#include "base/clock.h"
#include "http/log_format.h"
#include "unit.h"

static struct log_format format;
static struct buffer why;

void
unit_tear_down(void)
{
	log_format_free(&format);
	buffer_free(&why);
}

static void
parse(const char *text)
{
	log_format_free(&format);
	ck_assert_msg(log_format_parse(&format, text, &why) == 0, "%s: %s",
	    text, buffer_string(&why));
}

/* The only piece of a format. */
static const struct log_format_piece *
piece_of(const char *text)
{
	parse(text);
	ck_assert_uint_eq(format.count, 1);
	return format.pieces;
}

static void
assert_piece(const char *text, enum log_format_what what)
{
	ck_assert_msg(piece_of(text)->what == what, "%s is %d, not %d", text,
	    (int)format.pieces->what, (int)what);
	ck_assert(!format.pieces->json);
}

static void
assert_mistake(const char *text, const char *words)
{
	log_format_free(&format);
	buffer_clear(&why);
	ck_assert_msg(
	    log_format_parse(&format, text, &why) == -1, "%s is taken", text);
	ck_assert_msg(strstr(buffer_string(&why), words) != NULL,
	    "\"%s\": no \"%s\" in: %s", text, words, buffer_string(&why));
	ck_assert_ptr_null(format.pieces);
}

TEST(letters_are_apaches)
{
	assert_piece("%h", LOG_FORMAT_CLIENT);
	assert_piece("%a", LOG_FORMAT_CLIENT);
	assert_piece("%{c}a", LOG_FORMAT_CLIENT);
	assert_piece("%l", LOG_FORMAT_LITERAL);
	assert_piece("%u", LOG_FORMAT_LITERAL);
	assert_piece("%r", LOG_FORMAT_LINE);
	assert_piece("%m", LOG_FORMAT_METHOD);
	assert_piece("%U", LOG_FORMAT_PATH);
	assert_piece("%q", LOG_FORMAT_QUERY);
	assert_piece("%H", LOG_FORMAT_PROTOCOL);
	assert_piece("%v", LOG_FORMAT_HOST);
	assert_piece("%V", LOG_FORMAT_HOST);
	assert_piece("%s", LOG_FORMAT_STATUS);
	assert_piece("%>s", LOG_FORMAT_STATUS);
	assert_piece("%<s", LOG_FORMAT_STATUS);
	assert_piece("%b", LOG_FORMAT_CONTENT_OR_DASH);
	assert_piece("%B", LOG_FORMAT_CONTENT);
	assert_piece("%I", LOG_FORMAT_RECEIVED);
	assert_piece("%O", LOG_FORMAT_SENT);
	assert_piece("%S", LOG_FORMAT_TRANSFERRED);
	assert_piece("%k", LOG_FORMAT_REQUESTS);
	assert_piece("%X", LOG_FORMAT_END);
	assert_piece("%P", LOG_FORMAT_PROCESS);
	assert_piece("%{pid}P", LOG_FORMAT_PROCESS);
	assert_piece("%{worker}P", LOG_FORMAT_WORKER);
	assert_piece("%{remote}p", LOG_FORMAT_CLIENT_PORT);
	ck_assert(!format.wants_server_port);
	assert_piece("%p", LOG_FORMAT_SERVER_PORT);
	ck_assert(format.wants_server_port);
}

static void
assert_time(const char *text, enum log_format_what what, int64_t unit)
{
	assert_piece(text, what);
	ck_assert_int_eq(format.pieces->unit, unit);
}

TEST(times_have_their_units)
{
	assert_time("%T", LOG_FORMAT_DURATION, CLOCK_SECOND);
	assert_time("%{s}T", LOG_FORMAT_DURATION, CLOCK_SECOND);
	assert_time("%{ms}T", LOG_FORMAT_DURATION, CLOCK_MILLISECOND);
	assert_time("%{us}T", LOG_FORMAT_DURATION, 1000);
	assert_time("%D", LOG_FORMAT_DURATION, 1000);
	assert_time("%{queue:ms}T", LOG_FORMAT_QUEUE_TIME, CLOCK_MILLISECOND);
	ck_assert(!format.wants_first_byte);
	assert_time("%{first:us}T", LOG_FORMAT_FIRST_BYTE, 1000);
	ck_assert(format.wants_first_byte);
	assert_time("%^FB", LOG_FORMAT_FIRST_BYTE, 1000);
	ck_assert(format.wants_first_byte);
	assert_time("%{stall:ms}T", LOG_FORMAT_STALL_TIME, CLOCK_MILLISECOND);
	assert_piece("%{stall}x", LOG_FORMAT_STALL_CAUSE);
	parse("json");
	ck_assert(format.wants_first_byte);
	parse("combined");
	ck_assert(!format.wants_first_byte);
}

TEST(moments_are_of_the_request_or_of_its_end)
{
	assert_piece("%t", LOG_FORMAT_TIME);
	assert_piece("%{}t", LOG_FORMAT_TIME);
	ck_assert(!format.pieces->at_end);
	assert_piece("%{end:}t", LOG_FORMAT_TIME);
	ck_assert(format.pieces->at_end);
	assert_time("%{sec}t", LOG_FORMAT_TIME_UNITS, CLOCK_SECOND);
	assert_time(
	    "%{msec_frac}t", LOG_FORMAT_TIME_FRACTION, CLOCK_MILLISECOND);
	assert_time("%{end:usec}t", LOG_FORMAT_TIME_UNITS, 1000);
	ck_assert(format.pieces->at_end);
	assert_piece("%{begin:%Y-%m}t", LOG_FORMAT_TIME_STRFTIME);
	ck_assert(!format.pieces->at_end);
	ck_assert_str_eq(format.pieces->text.at, "%Y-%m");
}

TEST(fields_are_known_by_id_or_by_name)
{
	assert_piece("%{referer}i", LOG_FORMAT_REQUEST_FIELD);
	ck_assert_int_eq(format.pieces->id, FIELD_REFERER);
	assert_piece("%{X-Mine}i", LOG_FORMAT_REQUEST_FIELD);
	ck_assert_int_eq(format.pieces->id, FIELD_OTHER);
	assert_text_eq(format.pieces->text, "X-Mine");
	assert_piece("%{ETag}o", LOG_FORMAT_RESPONSE_FIELD);
	assert_text_eq(format.pieces->text, "ETag");
}

TEST(a_letter_may_be_for_some_statuses_only)
{
	ck_assert_uint_eq(piece_of("%r")->status_count, 0);
	ck_assert_uint_eq(piece_of("%400,501r")->status_count, 2);
	ck_assert_int_eq(format.pieces->statuses[1], 501);
	ck_assert(!format.pieces->others);
	ck_assert(piece_of("%!200,304,206{Referer}i")->others);
	ck_assert_uint_eq(format.pieces->status_count, 3);
}

TEST(literals_are_joined_and_unescaped)
{
	parse("a %% \\\"b\\\" \\t\\\\ \\x%h\xc3\xa9%%");
	ck_assert_uint_eq(format.count, 3);
	assert_text_eq(format.pieces[0].text, "a % \"b\" \t\\ \\x");
	assert_text_eq(format.pieces[2].text, "\xc3\xa9%");
	parse("%{A}i%{B}i-%{C}i");
	ck_assert_uint_eq(format.count, 4);
	assert_text_eq(format.pieces[1].text, "B");
	assert_text_eq(format.pieces[2].text, "-");
	assert_text_eq(format.pieces[3].text, "C");
}

TEST(names_are_formats)
{
	parse("common");
	ck_assert_int_eq(format.pieces[0].what, LOG_FORMAT_CLIENT);
	ck_assert_int_eq(
	    format.pieces[format.count - 1].what, LOG_FORMAT_CONTENT_OR_DASH);
	parse("combined");
	ck_assert_int_eq(format.pieces[format.count - 2].id, FIELD_USER_AGENT);
	parse("json");
	for (size_t i = 0; i < format.count; i++)
		ck_assert_int_eq(format.pieces[i].json, i % 2 == 1);
}

TEST(a_mistake_is_named_with_its_place)
{
	assert_mistake("%h %Z", "not %Z (character 4)");
	assert_mistake("%h %f", "not %f (character 4)");
	assert_mistake(
	    "%h%", "a letter behind the last %, not % (character 3)");
	assert_mistake("%{Referer", "a } behind the {");
	assert_mistake("%i", "the name of a field");
	assert_mistake("%{}o", "the name of a field");
	assert_mistake("%{a b}i", "the name of a field");
	assert_mistake("%{x}h", "no braces before this letter");
	assert_mistake("%{x}D", "no braces before D");
	assert_mistake("%{queue}T", "queue:, first: or stall: before UNIT");
	assert_mistake("%{m}T", "UNIT, which is s, ms or us");
	assert_mistake("%x", "%{stall}x");
	assert_mistake("%{SSL_PROTOCOL}x", "%{stall}x");
	assert_mistake("%{tid}P", "%{worker}P");
	assert_mistake("%{x}p", "%{remote}p");
	assert_mistake("%{x}a", "%{c}a");
	assert_mistake("%^ti", "%^FB");
	assert_mistake("%20s", "statuses");
	assert_mistake("%2000s", "statuses");
	assert_mistake("%999s", "statuses");
	assert_mistake("%200,201,202,203,204,205,206,207,208s", "statuses");
	assert_mistake("%h\\n", "one line, not \\\\n (character 3)");
	assert_mistake("%h\n", "no control bytes, not \\n (character 3)");
	assert_mistake("%\x1b", "not %\\x1b (character 1)");
	assert_mistake("", "common, combined, json");
	assert_mistake("jsno", "common, combined, json");
}

TEST(a_format_and_its_dates_have_bounds)
{
	char text[LOG_FORMAT_MAX + 2];

	memset(text, 'x', sizeof(text));
	memcpy(text, "%h", 2);
	text[LOG_FORMAT_MAX] = '\0';
	parse(text);
	text[LOG_FORMAT_MAX] = 'x';
	text[LOG_FORMAT_MAX + 1] = '\0';
	assert_mistake(text, "up to 1024 bytes");
	memcpy(text, "%{", 2);
	memcpy(text + 300, "}t", 3);
	assert_mistake(text, "strftime");
}

/* Whatever it is, it is a format or a mistake, and nothing is read past it. */
TEST(random_formats_do_no_harm)
{
	char text[24];

	for (int round = 0; round < 200000; round++) {
		size_t len = 1 + unit_random_below(sizeof(text) - 1);

		unit_random_bytes(text, len, "%%%{}!<>,\\^FB204htTiop:aseuqn ");
		text[len - 1] = '\0';
		buffer_clear(&why);
		if (log_format_parse(&format, text, &why) == 0)
			log_format_free(&format);
		else
			assert_quick(why.len > 0 && format.pieces == NULL);
	}
}
