#include <string.h>

#include "guard.h"
#include "handlers/fcgi_record.h"
#include "unit.h"

static struct buffer made;
static struct fcgi_record_reader reader;
/* What an answer has told. */
static struct buffer out, err;
static enum fcgi_record_event last;

void
unit_set_up(void)
{
	reader = (struct fcgi_record_reader){0};
}

void
unit_tear_down(void)
{
	buffer_free(&made);
	buffer_free(&out);
	buffer_free(&err);
}

/* ---- What is written ---- */

TEST(a_request_begins)
{
	fcgi_record_add_begin(&made, false);
	assert_string_eq(&made,
	    "\1\1\0\1\0\10\0\0"
	    "\0\1\0\0\0\0\0\0");
	buffer_clear(&made);
	fcgi_record_add_begin(&made, true);
	assert_string_eq(&made,
	    "\1\1\0\1\0\10\0\0"
	    "\0\1\1\0\0\0\0\0");
}

TEST(a_stream)
{
	fcgi_record_add_content(&made, FCGI_RECORD_STDIN, TEXT("abc"));
	fcgi_record_add_content(&made, FCGI_RECORD_STDIN, TEXT(""));
	fcgi_record_add_end(&made, FCGI_RECORD_STDIN);
	assert_string_eq(&made,
	    "\1\5\0\1\0\3\0\0"
	    "abc"
	    "\1\5\0\1\0\0\0\0");
}

TEST(a_stream_of_more_than_a_record)
{
	static char content[2 * FCGI_RECORD_CONTENT_MAX + 1];
	const char *second;

	memset(content, 'x', sizeof(content));
	fcgi_record_add_content(
	    &made, FCGI_RECORD_PARAMS, (struct text){content, sizeof(content)});
	ck_assert_uint_eq(made.len, sizeof(content) + 3 * FCGI_RECORD_HEADER);
	ck_assert_mem_eq(made.data, "\1\4\0\1\xff\xff\0\0x", 9);
	second = made.data + FCGI_RECORD_HEADER + FCGI_RECORD_CONTENT_MAX;
	ck_assert_mem_eq(second, "\1\4\0\1\xff\xff\0\0x", 9);
	second += FCGI_RECORD_HEADER + FCGI_RECORD_CONTENT_MAX;
	ck_assert_mem_eq(second, "\1\4\0\1\0\1\0\0x", 9);
}

TEST(pairs)
{
	static char value[70000];

	fcgi_record_add_pair(&made, TEXT("A"), TEXT(""));
	fcgi_record_add_pair(&made, TEXT("BC"), TEXT("d=e"));
	assert_string_eq(&made, "\1\0A\2\3BCd=e");
	buffer_clear(&made);
	memset(value, 'v', sizeof(value));
	fcgi_record_add_pair(&made, TEXT("N"), (struct text){value, 127});
	ck_assert_mem_eq(made.data, "\1\177Nv", 4);
	ck_assert_uint_eq(made.len, 2 + 1 + 127);
	buffer_clear(&made);
	fcgi_record_add_pair(&made, TEXT("N"), (struct text){value, 128});
	ck_assert_mem_eq(made.data, "\1\x80\0\0\x80Nv", 7);
	buffer_clear(&made);
	fcgi_record_add_pair(&made, (struct text){value, 300}, TEXT("N"));
	ck_assert_mem_eq(made.data, "\x80\0\1\x2c\1vv", 7);
	buffer_clear(&made);
	fcgi_record_add_pair(&made, TEXT("N"), (struct text){value, 70000});
	ck_assert_mem_eq(made.data, "\1\x80\1\x11\x70Nv", 7);
}

/* ---- What is read ---- */

/* Gives the reader bytes; what is left behind the end is told, too. */
static void
give(struct text t)
{
	struct text piece;

	do {
		piece = (struct text){NULL, 0};
		last = fcgi_record_read(&reader, &t, &piece);
		if (last == FCGI_RECORD_OUT)
			buffer_add_text(&out, piece);
		else if (last == FCGI_RECORD_ERR)
			buffer_add_text(&err, piece);
		else
			break;
		ck_assert_uint_gt(piece.len, 0);
	} while (true);
	if (last == FCGI_RECORD_MORE)
		ck_assert_uint_eq(t.len, 0);
	if (last == FCGI_RECORD_ENDED && t.len > 0)
		last = fcgi_record_read(&reader, &t, &piece);
}

static void
give_in_way(size_t way, struct text t)
{
	size_t had = 0;

	reader = (struct fcgi_record_reader){0};
	buffer_clear(&out);
	buffer_clear(&err);
	last = FCGI_RECORD_MORE;
	while (had < t.len && last != FCGI_RECORD_WRONG) {
		size_t n = guard_next(way, had, t.len) - had;

		give((struct text){guard_copy(t.at + had, n), n});
		had += n;
	}
}

#define RECORD(type, length, padding) "\1" type "\0\1\0" length padding "\0"
#define ANSWER                                                                 \
	RECORD("\6", "\5", "\3")                                               \
	"hello"                                                                \
	"pad" RECORD("\7", "\3", "\0") "bad" RECORD("\6", "\1",                \
	    "\0") "!" RECORD("\6", "\0", "\2") "pp" RECORD("\7", "\0", "\0")   \
	    RECORD("\3", "\10", "\1") "\0\0\1\2\0\0\0\0"                       \
				      "p"

TEST(an_answer_in_all_pieces)
{
	struct text all = TEXT(ANSWER);

	for (size_t way = 0; way < guard_ways(all.len); way++) {
		give_in_way(way, all);
		ck_assert_int_eq(last, FCGI_RECORD_ENDED);
		assert_string_eq(&out, "hello!");
		assert_string_eq(&err, "bad");
		ck_assert_uint_eq(reader.exit_status, 258);
		ck_assert_int_eq(reader.status, FCGI_RECORD_REQUEST_COMPLETE);
	}
}

TEST(an_answer_that_is_not_complete)
{
	struct text all = TEXT(ANSWER);

	for (size_t len = 0; len < all.len; len++) {
		give_in_way(0, (struct text){all.at, len});
		ck_assert_int_eq(last, FCGI_RECORD_MORE);
	}
}

TEST(a_record_of_the_largest_size)
{
	static char bytes[FCGI_RECORD_HEADER + FCGI_RECORD_CONTENT_MAX + 255];

	memcpy(bytes, "\1\6\0\1\xff\xff\xff\0", FCGI_RECORD_HEADER);
	give_in_way(0, (struct text){bytes, sizeof(bytes)});
	ck_assert_int_eq(last, FCGI_RECORD_MORE);
	ck_assert_uint_eq(out.len, FCGI_RECORD_CONTENT_MAX);
	ck_assert_uint_eq(reader.header_read, 0);
}

#define END(status) RECORD("\3", "\10", "\0") "\0\0\0\0" status "\0\0\0"

TEST(the_status_at_the_end)
{
	give_in_way(0, TEXT(END("\1")));
	ck_assert_int_eq(last, FCGI_RECORD_ENDED);
	ck_assert_int_eq(reader.status, FCGI_RECORD_CANNOT_MULTIPLEX);
	give_in_way(0, TEXT(END("\2")));
	ck_assert_int_eq(last, FCGI_RECORD_ENDED);
	ck_assert_int_eq(reader.status, FCGI_RECORD_OVERLOADED);
	give_in_way(0, TEXT(END("\3")));
	ck_assert_int_eq(last, FCGI_RECORD_ENDED);
	ck_assert_int_eq(reader.status, FCGI_RECORD_UNKNOWN_ROLE);
}

/* However it arrives, and however often one asks. */
static void
assert_wrong(struct text t, const char *words)
{
	for (size_t way = 0; way < guard_ways(t.len); way++) {
		give_in_way(way, t);
		ck_assert_int_eq(last, FCGI_RECORD_WRONG);
		ck_assert_ptr_nonnull(strstr(reader.mistake, words));
		give(TEXT(""));
		ck_assert_int_eq(last, FCGI_RECORD_WRONG);
		give(TEXT(ANSWER));
		ck_assert_int_eq(last, FCGI_RECORD_WRONG);
	}
}

TEST(records_that_are_wrong)
{
	assert_wrong(TEXT("\0\6\0\1\0\1\0\0x"), "version");
	assert_wrong(TEXT("\2\6\0\1\0\1\0\0x"), "version");
	assert_wrong(TEXT("HTTP/1.1 200 OK\r\n"), "version");
	assert_wrong(TEXT("\1\6\0\0\0\1\0\0x"), "not made");
	assert_wrong(TEXT("\1\6\0\2\0\1\0\0x"), "not made");
	assert_wrong(TEXT("\1\6\1\1\0\1\0\0x"), "not made");
	assert_wrong(TEXT("\1\13\0\0\0\10\0\0"), "not made");
	assert_wrong(TEXT(RECORD("\1", "\10", "\0")), "type");
	assert_wrong(TEXT(RECORD("\5", "\0", "\0")), "type");
	assert_wrong(TEXT(RECORD("\13", "\10", "\0")), "type");
	assert_wrong(TEXT(RECORD("\377", "\0", "\0")), "type");
	assert_wrong(TEXT(RECORD("\3", "\0", "\0")), "8 bytes");
	assert_wrong(TEXT(RECORD("\3", "\7", "\0")), "8 bytes");
	assert_wrong(TEXT("\1\3\0\1\1\10\0\0"), "8 bytes");
	assert_wrong(TEXT(END("\4")), "unknown status");
	assert_wrong(TEXT(END("\377")), "unknown status");
	assert_wrong(TEXT(RECORD("\6", "\0", "\0") RECORD("\6", "\0", "\0")),
	    "has ended");
	assert_wrong(TEXT(RECORD("\7", "\0", "\0") RECORD("\7", "\1", "\0")),
	    "has ended");
	assert_wrong(TEXT(END("\0") "x"), "behind");
	assert_wrong(TEXT(ANSWER ANSWER), "behind");
}

/* Whatever comes, nothing is read outside of it, and nothing twice. */
TEST(random_records)
{
	static const char types[] = "\3\6\7\6\6\1";
	char bytes[200];

	for (int i = 0; i < 20000; i++) {
		size_t len = 1 + unit_random_below(sizeof(bytes) - 1);
		size_t at = 0;

		unit_random_bytes(bytes, len, "\1\2\3x");
		while (at + FCGI_RECORD_HEADER <= len) {
			size_t length = unit_random_below(20);

			fcgi_record_header(bytes + at,
			    (enum fcgi_record_type)types[unit_random_below(6)],
			    length);
			bytes[at + 6] = (char)unit_random_below(3);
			at +=
			    FCGI_RECORD_HEADER + length + (size_t)bytes[at + 6];
		}
		give_in_way(
		    unit_random_below(len + 1), (struct text){bytes, len});
		assert_quick(out.len + err.len <= len);
		assert_quick(
		    (last == FCGI_RECORD_WRONG) == (reader.mistake != NULL));
	}
}
