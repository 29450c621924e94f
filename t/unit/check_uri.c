#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "http/uri.h"
#include "unit.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static struct uri uri;
static struct buffer path;

static int
parse(const char *target)
{
	return uri_parse(guard_text(text_of(target)), METHOD_GET, &uri);
}

TEST(origin_form_has_a_path_and_perhaps_a_query)
{
	ck_assert_int_eq(parse("/a/b"), 0);
	assert_text_eq(uri.path, "/a/b");
	ck_assert(!uri.has_query && !uri.asterisk);
	ck_assert_uint_eq(uri.authority.len, 0);
	ck_assert_int_eq(parse("/a?b=/c?d"), 0);
	assert_text_eq(uri.path, "/a");
	assert_text_eq(uri.query, "b=/c?d");
	ck_assert_int_eq(parse("/?"), 0);
	ck_assert(uri.has_query);
	ck_assert_uint_eq(uri.query.len, 0);
}

TEST(absolute_form_has_an_authority_and_perhaps_no_path)
{
	ck_assert_int_eq(parse("http://a.example:8080/b?c"), 0);
	assert_text_eq(uri.authority, "a.example:8080");
	assert_text_eq(uri.path, "/b");
	assert_text_eq(uri.query, "c");
	ck_assert_int_eq(parse("HTTPS://[::1]:"), 0);
	assert_text_eq(uri.authority, "[::1]:");
	assert_text_eq(uri.path, "/");
	ck_assert_int_eq(parse("http://a?b"), 0);
	assert_text_eq(uri.authority, "a");
	assert_text_eq(uri.path, "/");
	assert_text_eq(uri.query, "b");
}

TEST(two_slashes_begin_a_path_and_no_authority)
{
	ck_assert_int_eq(parse("//evil.example/a"), 0);
	ck_assert_uint_eq(uri.authority.len, 0);
	assert_text_eq(uri.path, "//evil.example/a");
}

TEST(other_targets_are_refused)
{
	static const char *const bad[] = {"", "a", "a/b", "?a", "**", "*/",
	    "a:80", "http:/a", "http:a", "http://", "http:///", "http://?a",
	    "http://:80/", "http://u@a/", "http://u:p@a/", "http://a:65536/",
	    "http://a:x/", "http://[::1/", "http://a#b", "ftp://a/",
	    "httpx://a/", "ws://a/", "file:///etc/passwd", "http://a b/",
	    "http://a\\b/", "http://a%zz/", "http://a/%zz"};

	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(parse(bad[i]) == 400, "\"%s\" is taken", bad[i]);
}

TEST(an_asterisk_is_for_options_only)
{
	for (unsigned m = 1; m <= METHODS_ALL; m <<= 1) {
		int status =
		    uri_parse(guard_text(TEXT("*")), (enum method)m, &uri);

		ck_assert_int_eq(status, m == METHOD_OPTIONS ? 0 : 400);
	}
	ck_assert_int_eq(
	    uri_parse(guard_text(TEXT("*")), METHOD_OPTIONS, &uri), 0);
	ck_assert(uri.asterisk);
	ck_assert_int_eq(
	    uri_parse(guard_text(TEXT("/*")), METHOD_GET, &uri), 0);
	ck_assert(!uri.asterisk);
}

#define IN_URI                                                                 \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"       \
	"-._~!$&'()*+,;=:@/?"

/* Behind the start, the bytes that are taken are those, and no others. */
static void
assert_bytes(const char *start, enum method method, const char *good)
{
	size_t len = strlen(start);
	char target[8];

	strcpy(target, start);
	for (int c = 0; c < 256; c++) {
		bool is_good = c != 0 && strchr(good, c) != NULL;
		int status;

		target[len] = (char)c;
		status = uri_parse(
		    (struct text){guard_copy(target, len + 1), len + 1}, method,
		    &uri);
		ck_assert_msg(status == (is_good ? 0 : 400),
		    "byte 0x%02x behind %s", (unsigned)c, start);
	}
}

/* All that is printed but "%", and "#", which begins a fragment. */
static const char *
printed(void)
{
	static char all[256];
	char *end = all;

	for (int c = '!'; c < 256; c++)
		if (c != '%' && c != '#' && c != 0x7f)
			*end++ = (char)c;
	return all;
}

TEST(bytes_of_a_path_are_those_that_browsers_send)
{
	assert_bytes("/a", METHOD_POST, IN_URI "[]|");
	assert_bytes("/a", METHOD_OPTIONS, IN_URI "[]|");
}

TEST(other_bytes_of_a_path_are_for_those_who_can_be_redirected)
{
	assert_bytes("/a", METHOD_GET, printed());
	assert_bytes("/a", METHOD_HEAD, printed());
	for (const char *c = printed(); *c != '\0'; c++) {
		const char target[] = {'/', *c, '\0'};

		ck_assert_int_eq(parse(target), 0);
		ck_assert_int_eq(
		    uri.unencoded, strchr(IN_URI "[]|", *c) == NULL);
	}
	ck_assert_int_eq(parse("/?^\x80"), 0);
	ck_assert(!uri.unencoded);
}

TEST(a_query_may_have_all_that_is_printed)
{
	struct buffer all = {0};

	buffer_printf(&all, "%s%%", printed());
	assert_bytes("/?a", METHOD_GET, buffer_string(&all));
	assert_bytes("/?a", METHOD_POST, buffer_string(&all));
	buffer_free(&all);
}

TEST(a_query_is_made_valid_for_a_location)
{
	struct buffer b = {0};

	uri_add_query(&b, TEXT(IN_URI "%5B%25"));
	assert_text_eq(buffer_text(&b), "?" IN_URI "%5B%25");
	buffer_clear(&b);
	uri_add_query(&b, TEXT("a[]=\\&b={^`|}\"<>\xc3\xa9"));
	assert_text_eq(
	    buffer_text(&b), "?a%5B%5D=%5C&b=%7B%5E%60%7C%7D%22%3C%3E%C3%A9");
	buffer_clear(&b);
	uri_add_query(&b, TEXT("100%&%zz%4%%41%"));
	assert_text_eq(buffer_text(&b), "?100%25&%25zz%254%25%41%25");
	buffer_free(&b);
}

TEST(a_path_is_made_valid_for_a_location_on_its_host)
{
	static const struct {
		const char *path, *location;
	} cases[] = {{"/a^b", "/a%5Eb"}, {"/%5e%2fa`/", "/%5e%2fa%60/"},
	    {"//evil.example/^", "/evil.example/%5E"}, {"/", "/"},
	    {"////\xff", "/%FF"}, {"/\\evil.example", "/%5Cevil.example"},
	    {"//", "/"}, {"/a//b^", "/a//b%5E"}};
	struct buffer b = {0};

	for (size_t i = 0; i < COUNT(cases); i++) {
		buffer_clear(&b);
		uri_add_path(&b, text_of(cases[i].path));
		ck_assert_str_eq(buffer_string(&b), cases[i].location);
	}
	buffer_free(&b);
}

TEST(every_percent_of_a_path_has_two_hex_digits)
{
	static const char *const bad[] = {"/%", "/%4", "/%g1", "/%1g", "/%%41",
	    "/%4%31", "/%u0041", "/%+1", "/^%"};

	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(parse(bad[i]) == 400, "\"%s\" is taken", bad[i]);
	ck_assert_int_eq(parse("/%41%2f%ff%25"), 0);
	ck_assert_int_eq(parse("/a?%41"), 0);
	ck_assert_int_eq(parse("/a?%"), 0);
	ck_assert_int_eq(parse("/a?%4"), 0);
	ck_assert_int_eq(parse("/a?%zz"), 0);
	ck_assert_int_eq(parse("/%aF"), 0);
}

TEST(an_encoded_nul_is_refused_and_its_neighbours_are_not)
{
	ck_assert_int_eq(parse("/%00"), 400);
	ck_assert_int_eq(parse("/a%00.html"), 400);
	ck_assert_int_eq(parse("/a?b=%00"), 400);
	ck_assert_int_eq(parse("/%01"), 0);
	ck_assert_int_eq(parse("/%2500"), 0);
	ck_assert_int_eq(parse("/%0a00"), 0);
}

static bool
is_authority(const char *s)
{
	return uri_authority_is_valid(guard_text(text_of(s)));
}

TEST(authorities_are_host_and_port)
{
	static const char *const good[] = {"", "a", "a.example", "A-b_c~",
	    "127.0.0.1", "a:80", "a:", "a:0", "a:65535", "a:00080", "a:000080",
	    "[::1]", "[::1]:80", "[::1]:", "[::ffff:127.0.0.1]", "%41",
	    "a!$&'()*+,;=", "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]"};

	for (size_t i = 0; i < COUNT(good); i++)
		ck_assert_msg(
		    is_authority(good[i]), "\"%s\" is refused", good[i]);
}

TEST(other_authorities_are_refused)
{
	static const char *const bad[] = {":", ":80", "a:65536", "a:99999",
	    "a:-1", "a:+1", "a:8x", "a: 80", "a:80 ", "a:80:80", "::1", "u@a",
	    "u:p@a", "a/b", "a?b", "a#b", "a b", "a,b c", "a\\b", "a\"b", "<a>",
	    "\xc3\xa4", "%", "%4", "%zz", "a%00", "[", "[]", "]", "[::1",
	    "[::1]80", "[::1]a", "[::1]:65536", "[::g]", "[127.0.0.1]",
	    "[::1%lo]", "[::1]]", "a[::1]", "a\tb",
	    "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]"};

	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(!is_authority(bad[i]), "\"%s\" is taken", bad[i]);
	ck_assert(!uri_authority_is_valid(guard_text(TEXT("a\0b"))));
	ck_assert(!uri_authority_is_valid(guard_text(TEXT("[::1\0]"))));
}

static bool
decode(const char *encoded)
{
	return uri_decode_path(guard_text(text_of(encoded)), &path);
}

static void
assert_decodes(const char *encoded, const char *decoded)
{
	ck_assert_msg(!decode(encoded), "%s is ambiguous", encoded);
	ck_assert_msg(text_equal(buffer_text(&path), text_of(decoded)),
	    "%s is decoded to %s, not %s", encoded, buffer_string(&path),
	    decoded);
}

TEST(a_path_is_decoded_once)
{
	assert_decodes("/", "/");
	assert_decodes("/a%20b", "/a b");
	assert_decodes("/%41%62", "/Ab");
	assert_decodes("/%2541", "/%41");
	assert_decodes("/%252e%252e/a", "/%2e%2e/a");
	assert_decodes("/%c3%a4", "/\xc3\xa4");
	assert_decodes("/a+b", "/a+b");
	assert_decodes("/a;b=c", "/a;b=c");
}

TEST(dot_segments_are_removed_as_rfc_3986_5_2_4_says)
{
	assert_decodes("/a/b/c/./../../g", "/a/g");
	assert_decodes("/a/.", "/a/");
	assert_decodes("/a/..", "/");
	assert_decodes("/a/b/..", "/a/");
	assert_decodes("/a/b/../", "/a/");
	assert_decodes("/./a", "/a");
	assert_decodes("/.", "/");
	assert_decodes("/..", "/");
	assert_decodes("/../../a", "/a");
	assert_decodes("/a/../../../b", "/b");
}

TEST(names_that_only_begin_or_end_with_dots_stay)
{
	assert_decodes("/...", "/...");
	assert_decodes("/.a/..b/c./d..", "/.a/..b/c./d..");
	assert_decodes("/..;/a", "/..;/a");
	assert_decodes("/.%20/a", "/. /a");
}

TEST(encoded_dots_are_dots)
{
	assert_decodes("/a/%2e%2e/b", "/b");
	assert_decodes("/a/.%2E/b", "/b");
	assert_decodes("/a/%2e./b", "/b");
	assert_decodes("/a/%2e/b", "/a/b");
	assert_decodes("/%2e%2e", "/");
}

TEST(slashes_are_merged_before_dots_are_counted)
{
	assert_decodes("//evil.example//a", "/evil.example/a");
	assert_decodes("/a//", "/a/");
	assert_decodes("///", "/");
	assert_decodes("/a//../b", "/b");
	assert_decodes("/a/b//..//c", "/a/c");
}

TEST(encoded_slashes_and_nul_are_ambiguous)
{
	static const char *const ambiguous[] = {
	    "/a%2fb", "/a%2Fb", "/..%2f..", "/%2f", "/a%00", "/%2f%2e%2e"};

	for (size_t i = 0; i < COUNT(ambiguous); i++)
		ck_assert_msg(decode(ambiguous[i]), "%s", ambiguous[i]);
	/* What follows a removed segment counts too. */
	ck_assert(decode("/a%2f/../b"));
	/* A byte like any other, and no name of a folder above. */
	assert_decodes("/a%5Cb", "/a\\b");
	assert_decodes("/a/..%5c..%5Cb", "/a/..\\..\\b");
	ck_assert(!decode("/a%252fb"));
}

/* Begins with "/", has no dot segment and no empty one but the last. */
static bool
is_clean(struct text t)
{
	struct buffer b = {0};
	bool clean;

	buffer_add_text(&b, t);
	buffer_add_char(&b, '/');
	clean = t.len > 0 && t.at[0] == '/' &&
	    memmem(b.data, b.len, "/./", 3) == NULL &&
	    memmem(b.data, b.len, "/../", 4) == NULL &&
	    memmem(t.at, t.len, "//", 2) == NULL;
	buffer_free(&b);
	return clean;
}

static void
random_path(struct buffer *b)
{
	static const char *const parts[] = {"/", "/", ".", "..", "a", "b;",
	    "%2e", "%2E", "%2f", "%5c", "%41", "%25", "%ff", "/../", "/./",
	    "//"};
	size_t count = unit_random_below(12);

	buffer_clear(b);
	buffer_add_char(b, '/');
	while (count-- > 0)
		buffer_add_string(b, parts[unit_random_below(COUNT(parts))]);
}

TEST(any_decoded_path_begins_with_a_slash_and_has_no_dot_segments)
{
	struct buffer encoded = {0};

	for (int round = 0; round < 100000; round++) {
		bool ambiguous, hidden;

		random_path(&encoded);
		ambiguous =
		    uri_decode_path(guard_text(buffer_text(&encoded)), &path);
		hidden = strstr(buffer_string(&encoded), "%2f") != NULL;
		ck_assert_msg(is_clean(buffer_text(&path)), "%s became %s",
		    buffer_string(&encoded), buffer_string(&path));
		ck_assert_msg(ambiguous == hidden, "%s is %sambiguous",
		    buffer_string(&encoded), ambiguous ? "" : "not ");
	}
	buffer_free(&encoded);
}

TEST(all_but_unreserved_bytes_and_slashes_are_encoded)
{
	struct buffer b = {0};

	for (int c = 0; c < 256; c++) {
		char byte = (char)c;
		char wanted[8];

		snprintf(wanted, sizeof(wanted), "%%%02X", (unsigned)c);
		if (c != 0 &&
		    strchr(
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			"0123456789-._~/",
			c) != NULL)
			snprintf(wanted, sizeof(wanted), "%c", c);
		buffer_clear(&b);
		uri_encode_path(&b, (struct text){guard_copy(&byte, 1), 1});
		ck_assert_str_eq(buffer_string(&b), wanted);
	}
	buffer_free(&b);
}

TEST(what_is_encoded_is_a_target_and_decodes_to_the_same_path)
{
	struct buffer encoded = {0};
	char in[24];

	for (int round = 0; round < 20000; round++) {
		size_t len = 2 + unit_random_below(sizeof(in) - 2);

		for (size_t i = 0; i < len; i++)
			in[i] = (char)(1 + unit_random_below(255));
		in[0] = '/';
		if (!is_clean((struct text){in, len}))
			continue;
		buffer_clear(&encoded);
		uri_encode_path(&encoded, (struct text){in, len});
		ck_assert_int_eq(
		    uri_parse(buffer_text(&encoded), METHOD_GET, &uri), 0);
		ck_assert(text_equal(uri.path, buffer_text(&encoded)));
		uri_decode_path(guard_text(uri.path), &path);
		ck_assert_uint_eq(path.len, len);
		ck_assert_mem_eq(path.data, in, len);
	}
	buffer_free(&encoded);
}
