#include <string.h>

#include "base/chars.h"
#include "base/escape.h"
#include "guard.h"
#include "unit.h"

#define ENOUGH 1000

static struct buffer out;

static const char *
log_of(const char *bytes, size_t len, size_t max)
{
	buffer_clear(&out);
	escape_log(&out, (struct text){guard_copy(bytes, len), len}, max);
	return buffer_string(&out);
}

static const char *
quoted_of(const char *bytes, size_t len, size_t max)
{
	buffer_clear(&out);
	escape_log_quoted(
	    &out, (struct text){guard_copy(bytes, len), len}, max);
	return buffer_string(&out);
}

TEST(control_bytes_become_escapes)
{
	ck_assert_str_eq(log_of("a\nb\r\t\\", 6, ENOUGH), "a\\nb\\r\\t\\\\");
	ck_assert_str_eq(log_of("\0\x1b[31m\x7f\x80\xff", 9, ENOUGH),
	    "\\x00\\x1b[31m\\x7f\\x80\\xff");
}

TEST(quotes_are_escaped_only_between_quotes)
{
	ck_assert_str_eq(log_of("\"a\"", 3, ENOUGH), "\"a\"");
	ck_assert_str_eq(quoted_of("\"a\"", 3, ENOUGH), "\\\"a\\\"");
}

/* Reads the escapes back; false when there is half of one. */
static bool
unescape(struct text t, struct buffer *to)
{
	static const char letters[] = "nrt\\\"", bytes[] = "\n\r\t\\\"";

	buffer_clear(to);
	for (size_t i = 0; i < t.len; i++) {
		const char *letter;

		if (t.at[i] != '\\') {
			buffer_add_char(to, t.at[i]);
			continue;
		}
		if (++i == t.len)
			return false;
		letter = strchr(letters, t.at[i]);
		if (letter != NULL) {
			buffer_add_char(to, bytes[letter - letters]);
			continue;
		}
		if (t.at[i] != 'x' || t.len - i < 3)
			return false;
		buffer_add_char(to, chars_byte(t.at + i + 1));
		i += 2;
	}
	return true;
}

TEST(every_byte_can_be_read_back)
{
	struct buffer back = {0};
	char all[256];

	for (int c = 0; c < 256; c++)
		all[c] = (char)c;
	quoted_of(all, sizeof(all), 4 * sizeof(all));
	ck_assert(unescape(buffer_text(&out), &back));
	ck_assert_mem_eq(back.data, all, sizeof(all));
	ck_assert_uint_eq(back.len, sizeof(all));
	buffer_free(&back);
}

/* As escape.h says it, and no faster. */
static void
escape_slowly(struct buffer *b, struct text t, bool quoted)
{
	static const char letters[] = "nrt\\\"", bytes[] = "\n\r\t\\\"";

	buffer_clear(b);
	for (size_t i = 0; i < t.len; i++) {
		unsigned char c = (unsigned char)t.at[i];
		const char *named = c != '\0' ? strchr(bytes, c) : NULL;

		if (named != NULL && (c != '"' || quoted))
			buffer_printf(b, "\\%c", letters[named - bytes]);
		else if (c < 32 || c > 126)
			buffer_printf(b, "\\x%02x", c);
		else
			buffer_add_char(b, (char)c);
	}
}

/* Bytes are looked at eight at a time, and then one by one. */
TEST(every_byte_is_found_in_every_place)
{
	struct buffer slow = {0};
	char in[24];

	for (size_t len = 1; len <= sizeof(in); len++) {
		for (size_t at = 0; at < len; at++) {
			for (int c = 0; c < 256; c++) {
				struct text t = {in, len};

				memset(in, c < 128 ? '~' : ' ', len);
				in[at] = (char)c;
				log_of(in, len, ENOUGH);
				escape_slowly(&slow, t, false);
				assert_quick(text_equal(
				    buffer_text(&out), buffer_text(&slow)));
				quoted_of(in, len, ENOUGH);
				escape_slowly(&slow, t, true);
				assert_quick(text_equal(
				    buffer_text(&out), buffer_text(&slow)));
			}
		}
	}
	buffer_free(&slow);
}

TEST(a_cut_text_is_as_much_of_the_whole_as_fits)
{
	static const char alphabet[] = "ab\1\"\\\n~\xff";
	struct buffer slow = {0};
	char in[40];

	for (int round = 0; round < 20000; round++) {
		size_t len = unit_random_below(sizeof(in));
		size_t max = 3 + unit_random_below(sizeof(in));
		size_t kept;

		unit_random_bytes(in, len, alphabet);
		quoted_of(in, len, max);
		escape_slowly(&slow, (struct text){in, len}, true);
		if (slow.len <= max) {
			assert_quick(
			    text_equal(buffer_text(&out), buffer_text(&slow)));
			continue;
		}
		kept = out.len - 3;
		assert_quick(memcmp(out.data + kept, "...", 3) == 0);
		assert_quick(memcmp(out.data, slow.data, kept) == 0);
		/* The next character would have been too much. */
		assert_quick(kept +
			(slow.data[kept] != '\\'	     ? 1
				: slow.data[kept + 1] == 'x' ? 4
							     : 2) +
			3 >
		    max);
	}
	buffer_free(&slow);
}

static void
assert_harmless(struct text t, bool quoted)
{
	for (size_t i = 0; i < t.len; i++)
		assert_quick(t.at[i] >= ' ' && t.at[i] <= '~');
	for (size_t i = 0; quoted && i < t.len; i++) {
		assert_quick(t.at[i] != '"');
		if (t.at[i] == '\\')
			i++;
	}
}

TEST(no_output_is_longer_than_max_or_has_a_control_byte)
{
	char in[64];

	for (int round = 0; round < 20000; round++) {
		size_t len = unit_random_below(sizeof(in));
		size_t max = 3 + unit_random_below(sizeof(in));

		for (size_t i = 0; i < len; i++)
			in[i] = (char)unit_random();
		log_of(in, len, max);
		assert_quick(out.len <= max);
		assert_harmless(buffer_text(&out), false);
		quoted_of(in, len, max);
		assert_quick(out.len <= max);
		assert_harmless(buffer_text(&out), true);
	}
}

TEST(a_max_too_small_for_the_dots_is_kept_too)
{
	for (size_t max = 0; max < 4; max++) {
		log_of("abcdef", 6, max);
		ck_assert_msg(
		    out.len <= max, "%zu bytes, max %zu", out.len, max);
	}
}

TEST(a_cut_text_ends_in_dots_and_never_in_half_an_escape)
{
	struct buffer back = {0};

	ck_assert_str_eq(log_of("abcdef", 6, 6), "abcdef");
	ck_assert_str_eq(log_of("abcdef", 6, 5), "ab...");
	ck_assert_str_eq(log_of("ab\1\2", 4, 10), "ab\\x01\\x02");
	ck_assert_str_eq(log_of("ab\1\2", 4, 9), "ab\\x01...");
	ck_assert_str_eq(log_of("ab\1\2", 4, 8), "ab...");
	for (size_t max = 3; max < 70; max++) {
		log_of("\1\n\2\r\3a\4\\\5b\1\n\2\r\3a\4", 17, max);
		if (out.len == 0 || out.data[out.len - 1] != '.')
			continue;
		ck_assert(
		    unescape((struct text){out.data, out.len - 3}, &back));
	}
	buffer_free(&back);
}

TEST(escapes_are_added_behind_what_is_there_and_max_counts_them_alone)
{
	buffer_clear(&out);
	buffer_add_string(&out, "0123456789");
	escape_log(&out, TEXT("abcdef"), 5);
	assert_string_eq(&out, "0123456789ab...");
}

static const char *
json_of(const char *bytes, size_t len, size_t max)
{
	buffer_clear(&out);
	escape_json(&out, (struct text){guard_copy(bytes, len), len}, max);
	return buffer_string(&out);
}

#define JSON_OF(literal) json_of(literal, sizeof(literal) - 1, ENOUGH)

TEST(json_is_ascii_and_what_utf8_says)
{
	ck_assert_str_eq(JSON_OF("a\"b\\c/\n\r\t\0\x1f\x7f"),
	    "a\\\"b\\\\c/\\n\\r\\t\\u0000\\u001f\\u007f");
	ck_assert_str_eq(JSON_OF("\xc2\x80\xc3\xa9\xdf\xbf\xe0\xa0\x80"),
	    "\\u0080\\u00e9\\u07ff\\u0800");
	ck_assert_str_eq(JSON_OF("\xe2\x82\xac\xef\xbf\xbf\xed\x9f\xbf"),
	    "\\u20ac\\uffff\\ud7ff");
	ck_assert_str_eq(JSON_OF("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"),
	    "\\ud800\\udc00\\udbff\\udfff");
}

/* Alone, overlong, cut off, a surrogate, past the last: byte by byte. */
TEST(json_takes_no_utf8_for_iso_8859_1)
{
	ck_assert_str_eq(JSON_OF("\x80\xbf\xff"), "\\u0080\\u00bf\\u00ff");
	ck_assert_str_eq(JSON_OF("\xc1\xbf"), "\\u00c1\\u00bf");
	ck_assert_str_eq(JSON_OF("\xe0\x9f\xbf"), "\\u00e0\\u009f\\u00bf");
	ck_assert_str_eq(JSON_OF("\xe9t"), "\\u00e9t");
	ck_assert_str_eq(JSON_OF("\xe2\x82"), "\\u00e2\\u0082");
	ck_assert_str_eq(JSON_OF("\xed\xa0\x80"), "\\u00ed\\u00a0\\u0080");
	ck_assert_str_eq(
	    JSON_OF("\xf4\x90\x80\x80"), "\\u00f4\\u0090\\u0080\\u0080");
	ck_assert_str_eq(
	    JSON_OF("\xf0\x8f\xbf\xbf"), "\\u00f0\\u008f\\u00bf\\u00bf");
	ck_assert_str_eq(JSON_OF("\xfc\x80\x80\x80\x80\x80"),
	    "\\u00fc\\u0080\\u0080\\u0080\\u0080\\u0080");
}

TEST(json_is_cut_between_characters)
{
	ck_assert_str_eq(json_of("ab\xc3\xa9", 4, 8), "ab\\u00e9");
	ck_assert_str_eq(json_of("ab\xc3\xa9", 4, 7), "ab...");
	ck_assert_str_eq(json_of("\xf0\x90\x80\x80", 4, 12), "\\ud800\\udc00");
	ck_assert_str_eq(json_of("\xf0\x90\x80\x80", 4, 11), "...");
	ck_assert_str_eq(json_of("\xf0\x90\x80\x80"
				 "abcd",
			     8, 15),
	    "\\ud800\\udc00...");
	/* Half a character that is behind the cut leaves no trace. */
	ck_assert_str_eq(json_of("abc\xf0\x90\x80\x80", 7, 6), "abc...");
}

TEST(html_has_no_markup_left)
{
	buffer_clear(&out);
	escape_html(&out, guard_text(TEXT("<a href=\"x\" id='y'>&amp;</a>")));
	assert_string_eq(&out,
	    "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;amp;&lt;/a&gt;");
}

TEST(html_has_pictures_of_control_bytes)
{
	buffer_clear(&out);
	escape_html(&out, guard_text(TEXT("a\nb\x1b[31m\t\x7f\x01")));
	assert_string_eq(&out, "a\u240ab\u241b[31m\u2409\u2421\u2401");
}

TEST(html_keeps_every_other_byte)
{
	for (int c = 0; c < 256; c++) {
		char byte = (char)c;

		if (c < ' ' || c == 0x7f || strchr("<>&\"'", c) != NULL)
			continue;
		buffer_clear(&out);
		escape_html(&out, (struct text){guard_copy(&byte, 1), 1});
		ck_assert_uint_eq(out.len, 1);
		ck_assert_int_eq(out.data[0], byte);
	}
}
