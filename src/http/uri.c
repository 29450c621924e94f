#include <arpa/inet.h>
#include <netinet/in.h>

#include <string.h>

#include "base/chars.h"
#include "http/uri.h"

#define PORT_MAX 65535

/* True if two hex digits follow the "%" at that offset. */
static bool
is_escape(struct text t, size_t offset)
{
	return t.len - offset >= 3 && chars_is(t.at[offset + 1], CHAR_HEX) &&
	    chars_is(t.at[offset + 2], CHAR_HEX);
}

/* True if two hex digits follow every "%". */
static bool
has_good_escapes(struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		if (t.at[i] == '%' && !is_escape(t, i))
			return false;
	return true;
}

static bool
has_encoded_nul(struct text t)
{
	return memmem(t.at, t.len, "%00", 3) != NULL;
}

/* Returns the rest of t from that offset on. */
static struct text
from(struct text t, size_t offset)
{
	return (struct text){t.at + offset, t.len - offset};
}

static bool
is_port(struct text t)
{
	uint64_t port;

	return t.len == 0 || text_to_number(t, PORT_MAX, &port);
}

/* "[" IPv6address "]" [":" port] */
static bool
is_ip_literal(struct text t)
{
	const char *end = memchr(t.at, ']', t.len);
	char address[INET6_ADDRSTRLEN];
	struct in6_addr out;
	size_t len;

	if (end == NULL)
		return false;
	len = (size_t)(end - t.at) - 1;
	if (len >= sizeof(address))
		return false;
	memcpy(address, t.at + 1, len);
	address[len] = '\0';
	if (strlen(address) != len || inet_pton(AF_INET6, address, &out) != 1)
		return false;
	t = from(t, len + 2);
	return t.len == 0 || (t.at[0] == ':' && is_port(from(t, 1)));
}

/* reg-name of RFC 3986, 3.2.2, but not empty, and without an encoded NUL. */
static bool
is_name(struct text t)
{
	unsigned classes = chars_classes(t.at, t.len);

	if (t.len == 0 || (classes & CHAR_NAME) == 0)
		return false;
	return (classes & CHAR_ITSELF) != 0 ||
	    (has_good_escapes(t) && !has_encoded_nul(t));
}

bool
uri_authority_is_valid(struct text t)
{
	const char *colon;
	size_t host;

	if (t.len == 0)
		return true;
	if (t.at[0] == '[')
		return is_ip_literal(t);
	colon = memchr(t.at, ':', t.len);
	host = colon != NULL ? (size_t)(colon - t.at) : t.len;
	if (!is_name((struct text){t.at, host}))
		return false;
	return colon == NULL || is_port(from(t, host + 1));
}

/* Moves *t past the prefix, ignoring its case. */
static bool
skip_prefix(struct text *t, struct text prefix)
{
	if (t->len < prefix.len ||
	    !text_equal_nocase((struct text){t->at, prefix.len}, prefix))
		return false;
	*t = from(*t, prefix.len);
	return true;
}

/* Moves *t past the authority. */
static bool
take_authority(struct text *t, struct text *authority)
{
	size_t len = 0;

	if (!skip_prefix(t, TEXT("http://")) &&
	    !skip_prefix(t, TEXT("https://")))
		return false;
	while (len < t->len && t->at[len] != '/' && t->at[len] != '?')
		len++;
	*authority = (struct text){t->at, len};
	*t = from(*t, len);
	return len > 0 && uri_authority_is_valid(*authority);
}

static int
take_path_and_query(struct text t, enum method method, struct uri *out)
{
	bool follows = (method & (METHOD_GET | METHOD_HEAD)) != 0;
	const char *mark = memchr(t.at, '?', t.len);
	size_t path = mark != NULL ? (size_t)(mark - t.at) : t.len;
	unsigned in_path, in_all;

	out->path = path > 0 ? (struct text){t.at, path} : TEXT("/");
	out->has_query = mark != NULL;
	if (mark != NULL)
		out->query = from(t, path + 1);
	in_path = chars_classes(out->path.at, out->path.len);
	in_all = in_path & chars_classes(out->query.at, out->query.len);
	out->unencoded = (in_path & CHAR_PATH) == 0;
	out->plain = (in_all & CHAR_URI) != 0 && out->authority.len == 0;
	if ((out->unencoded && !follows) || (in_all & CHAR_QUERY) == 0)
		return 400;
	if ((in_all & CHAR_ITSELF) == 0 &&
	    (!has_good_escapes(out->path) || has_encoded_nul(t)))
		return 400;
	return 0;
}

int
uri_parse(struct text target, enum method method, struct uri *out)
{
	*out = (struct uri){0};
	if (text_equal(target, TEXT("*"))) {
		out->asterisk = true;
		out->path = target;
		return method == METHOD_OPTIONS ? 0 : 400;
	}
	if (target.len == 0)
		return 400;
	if (target.at[0] != '/' && !take_authority(&target, &out->authority))
		return 400;
	return take_path_and_query(target, method, out);
}

static bool
decode(struct text path, struct buffer *out)
{
	bool ambiguous = false;

	if (memchr(path.at, '%', path.len) == NULL) {
		buffer_add_text(out, path);
		return false;
	}
	for (size_t i = 0; i < path.len; i++) {
		char c = path.at[i];

		if (c == '%') {
			c = chars_byte(path.at + i + 1);
			i += 2;
			if (c == '/' || c == '\0')
				ambiguous = true;
		}
		buffer_add_char(out, c);
	}
	return ambiguous;
}

/* Whether there may be segments to remove: a slash, and another or a dot. */
static bool
may_have_dots(struct text path)
{
	const char *end = path.at + path.len;
	const char *at = path.at;

	while ((at = memchr(at, '/', (size_t)(end - at))) != NULL)
		if (++at < end && (*at == '/' || *at == '.'))
			return true;
	return false;
}

/* Returns the offset of the slash before the last segment of path[0..len). */
static size_t
parent(const char *path, size_t len)
{
	while (len > 0 && path[len - 1] != '/')
		len--;
	return len > 0 ? len - 1 : 0;
}

/* Moves the segments to the front, each with the slash before it. */
static void
remove_dots(struct buffer *path)
{
	char *p = path->data;
	size_t out = 0;
	size_t i = 0;

	while (i < path->len) {
		size_t start = i++; /* at a slash */
		size_t len;

		while (i < path->len && p[i] != '/')
			i++;
		len = i - start;
		if (len == 1 || (len == 2 && p[start + 1] == '.')) {
			if (i == path->len) /* "/a/" and "/a/." end in "/" */
				p[out++] = '/';
		} else if (len == 3 && memcmp(p + start, "/..", 3) == 0) {
			out = parent(p, out);
			if (i == path->len)
				p[out++] = '/';
		} else {
			memmove(p + out, p + start, len);
			out += len;
		}
	}
	path->len = out;
}

bool
uri_decode_path(struct text path, struct buffer *out)
{
	bool ambiguous;

	buffer_clear(out);
	ambiguous = decode(path, out);
	if (may_have_dots(buffer_text(out)))
		remove_dots(out);
	return ambiguous;
}

/* Encodes all bytes without the class, and each "%" without two hex digits. */
static void
encode(struct buffer *b, struct text t, enum char_class class)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < t.len; i++) {
		unsigned char c = (unsigned char)t.at[i];

		if (chars_is(t.at[i], class) && (c != '%' || is_escape(t, i))) {
			buffer_add_char(b, t.at[i]);
			continue;
		}
		buffer_add_char(b, '%');
		buffer_add_char(b, hex[c >> 4]);
		buffer_add_char(b, hex[c & 15]);
	}
}

void
uri_encode_path(struct buffer *b, struct text path)
{
	encode(b, path, CHAR_PLAIN);
}

void
uri_add_query(struct buffer *b, struct text query)
{
	buffer_add_char(b, '?');
	encode(b, query, CHAR_URI);
}

void
uri_add_path(struct buffer *b, struct text path)
{
	size_t slashes = 0;

	while (slashes < path.len && path.at[slashes] == '/')
		slashes++;
	buffer_add_char(b, '/');
	encode(b, from(path, slashes), CHAR_URI);
}
