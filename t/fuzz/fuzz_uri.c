/*
 * Targets and paths: uri_parse against reader.c, and uri_decode_path against
 * a stack of segments.  No path has dot segments or leaves its root.
 */
#include <string.h>

#include "fuzz.h"
#include "http/uri.h"
#include "reader.h"

#define SEGMENTS_MAX 4096

static bool
equal(struct text t, struct span s)
{
	return t.len == s.len && (t.len == 0 || memcmp(t.at, s.at, t.len) == 0);
}

static int
digit(char c)
{
	const char *hex = "0123456789abcdef";

	return (int)(strchr(hex, c | 0x20) - hex);
}

/* How long it is decoded; *bad when a "/" or NUL comes out of it. */
static size_t
decode(const char *at, size_t len, char *out, bool *bad)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = at[i];

		if (c == '%') {
			c = (char)(digit(at[i + 1]) * 16 + digit(at[i + 2]));
			i += 2;
			*bad = *bad || c == '/';
		}
		*bad = *bad || c == '\0';
		out[n++] = c;
	}
	return n;
}

/*
 * RFC 3986, 5.2.4 over segments: out gets the path, and its length is the
 * return value.
 */
static size_t
resolve(struct text path, char *out, bool *bad)
{
	static size_t ends[SEGMENTS_MAX];
	size_t depth = 0, n = 0, i = 0, next;
	bool slash = false;

	for (; i < path.len; i = next) {
		const char *end =
		    memchr(path.at + i + 1, '/', path.len - i - 1);
		size_t len;

		next = end != NULL ? (size_t)(end - path.at) : path.len;
		out[n] = '/';
		len = decode(path.at + i + 1, next - i - 1, out + n + 1, bad);
		slash = len == 0 || (len == 1 && out[n + 1] == '.') ||
		    (len == 2 && memcmp(out + n + 1, "..", 2) == 0);
		if (len == 2 && slash)
			n = depth > 0 ? ends[--depth] : 0;
		if (slash)
			continue;
		if (depth == SEGMENTS_MAX)
			abort();
		ends[depth++] = n;
		n += 1 + len;
	}
	if (slash)
		out[n++] = '/';
	return n;
}

static void
check_safe(struct text path)
{
	struct text padded;
	char *p = malloc(path.len + 2);

	if (p == NULL)
		abort();
	FUZZ_CHECK(path.len > 0 && path.at[0] == '/', "no slash first");
	memcpy(p, path.at, path.len);
	p[path.len] = '/';
	padded = (struct text){p, path.len + (p[path.len - 1] != '/')};
	FUZZ_CHECK(memmem(padded.at, padded.len, "//", 2) == NULL, "//");
	FUZZ_CHECK(memmem(padded.at, padded.len, "/./", 3) == NULL, "/./");
	FUZZ_CHECK(memmem(padded.at, padded.len, "/../", 4) == NULL, "/../");
	free(p);
}

/* Encoded and decoded again, it is the same. */
static void
check_encoding(struct text path)
{
	struct buffer encoded = {0}, again = {0};
	struct text t;

	uri_encode_path(&encoded, path);
	t = buffer_text(&encoded);
	for (size_t i = 0; i < t.len; i++)
		FUZZ_CHECK(strchr("abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789-._~/%",
			       t.at[i]) != NULL &&
			t.at[i] != '\0',
		    "\"%.*s\"", TEXT_ARG(t));
	FUZZ_CHECK(!uri_decode_path(t, &again), "\"%.*s\"", TEXT_ARG(t));
	FUZZ_CHECK(
	    text_equal(buffer_text(&again), path), "\"%.*s\"", TEXT_ARG(t));
	buffer_free(&encoded);
	buffer_free(&again);
}

static void
check_path(struct text path)
{
	struct buffer decoded = {0};
	char *want = malloc(path.len + 1);
	bool bad = false, ambiguous;
	size_t len;

	if (want == NULL)
		abort();
	buffer_add_string(&decoded, "what it held");
	ambiguous = uri_decode_path(path, &decoded);
	len = resolve(path, want, &bad);
	check_safe(buffer_text(&decoded));
	FUZZ_CHECK(ambiguous == bad, "ambiguous is %d", ambiguous);
	if (!ambiguous) {
		FUZZ_CHECK(
		    equal(buffer_text(&decoded), (struct span){want, len}),
		    "\"%.*s\", not \"%.*s\"", TEXT_ARG(buffer_text(&decoded)),
		    (int)len, want);
		check_encoding(buffer_text(&decoded));
	}
	buffer_free(&decoded);
	free(want);
}

/* What a client is redirected to is its own path and query, and valid. */
static void
check_location(const struct uri *uri)
{
	struct buffer location = {0}, here = {0}, there = {0};
	struct uri again;
	struct text t;

	uri_add_path(&location, uri->path);
	if (uri->has_query)
		uri_add_query(&location, uri->query);
	t = buffer_text(&location);
	FUZZ_CHECK(
	    uri_parse(t, METHOD_POST, &again) == 0, "\"%.*s\"", TEXT_ARG(t));
	FUZZ_CHECK(t.len < 2 || (t.at[1] != '/' && t.at[1] != '\\'),
	    "\"%.*s\" is on another host", TEXT_ARG(t));
	FUZZ_CHECK(uri_decode_path(uri->path, &here) ==
		    uri_decode_path(again.path, &there) &&
		text_equal(buffer_text(&here), buffer_text(&there)),
	    "\"%.*s\" leads elsewhere", TEXT_ARG(t));
	FUZZ_CHECK(again.has_query == uri->has_query &&
		again.query.len >= uri->query.len,
	    "the query");
	for (size_t i = 0; i < t.len; i++)
		FUZZ_CHECK(strchr("abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789-._~/%!$&'()*+,;=:@?",
			       t.at[i]) != NULL &&
			t.at[i] != '\0',
		    "\"%.*s\"", TEXT_ARG(t));
	buffer_free(&location);
	buffer_free(&here);
	buffer_free(&there);
}

static void
check_target(struct text target, enum method method, const char *name)
{
	static struct reader other;
	struct uri uri;
	int status = uri_parse(target, method, &uri);
	struct span span = {target.at, target.len};
	bool valid = reader_target(&other, span, name);

	FUZZ_CHECK(status == (valid ? 0 : 400), "%d, but the reader says %d",
	    status, valid);
	if (status != 0)
		return;
	FUZZ_CHECK(uri.asterisk == other.asterisk, "asterisk");
	FUZZ_CHECK(equal(uri.authority, other.authority), "authority");
	if (uri.asterisk)
		return;
	FUZZ_CHECK(equal(uri.path, other.path), "path");
	FUZZ_CHECK(uri.has_query == other.has_query, "query");
	FUZZ_CHECK(equal(uri.query, other.query), "query");
	FUZZ_CHECK(uri.unencoded == other.raw, "unencoded");
	check_path(uri.path);
	check_location(&uri);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy(data, size);
	struct text t = {copy, size};

	check_target(t, METHOD_GET, "GET");
	check_target(t, METHOD_POST, "POST");
	check_target(t, METHOD_OPTIONS, "OPTIONS");
	FUZZ_CHECK(uri_authority_is_valid(t) ==
		reader_authority((struct span){copy, size}, true),
	    "authority");
	free(copy);
	return 0;
}
