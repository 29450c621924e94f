#include <string.h>

#include "base/chars.h"
#include "handlers/proxy_target.h"
#include "http/grammar.h"
#include "http/uri.h"

enum path_kind {
	PATH_PLAIN,
	PATH_DOTTED, /* it has dot segments */
	PATH_BAD,    /* it has NUL, or parameters of dot segments */
};

/* A segment of a path, while its bytes are decoded. */
struct segment {
	size_t len, dots;
	bool parameters; /* what comes behind a ";" */
};

static enum path_kind
segment_kind(const struct segment *s)
{
	if (s->len == 0 || s->len != s->dots || s->dots > 2)
		return PATH_PLAIN;
	return s->parameters ? PATH_BAD : PATH_DOTTED;
}

/* Some servers take a backslash for a slash, and cut off what is behind a ";". */
static void
segment_add(struct segment *s, char c)
{
	if (c == ';')
		s->parameters = true;
	if (s->parameters)
		return;
	s->len++;
	s->dots += c == '.';
}

static enum path_kind
worse(enum path_kind a, enum path_kind b)
{
	return a > b ? a : b;
}

/* Of a valid path: each "%" has its two digits. */
static enum path_kind
path_kind(struct text path)
{
	struct segment s = {0};
	enum path_kind kind = PATH_PLAIN;

	for (size_t i = 0; i < path.len; i++) {
		char c = path.at[i];

		if (c == '%') {
			c = chars_byte(path.at + i + 1);
			i += 2;
		}
		if (c == '\0')
			return PATH_BAD;
		if (c == '/' || c == '\\') {
			kind = worse(kind, segment_kind(&s));
			s = (struct segment){0};
		} else {
			segment_add(&s, c);
		}
	}
	return worse(kind, segment_kind(&s));
}

static bool
proxy_target_is_one_of(char c, const char *characters)
{
	return c != '\0' && strchr(characters, c) != NULL;
}

/* Whether the path, or authority, begins with these segments. */
static bool
begins_with(struct text path, struct text prefix)
{
	return text_begins(path, prefix) &&
	    (path.len == prefix.len ||
		proxy_target_is_one_of(path.at[prefix.len], "/?#"));
}

/* An empty path is "/"; two slashes would begin an authority. */
static void
add_rest(struct buffer *out, struct text base, struct text rest)
{
	if (base.len == 0)
		while (rest.len > 1 && rest.at[0] == '/' && rest.at[1] == '/')
			grammar_skip(&rest, 1);
	if (base.len == 0 && rest.len == 0)
		rest = TEXT("/");
	buffer_add_text(out, base);
	buffer_add_text(out, rest);
}

static void
add_encoded(struct buffer *out, const struct proxy_paths *paths,
    const struct request *r, struct text below)
{
	if (!paths->has_base) {
		uri_encode_path(out, r->path);
		return;
	}
	buffer_add_text(out, paths->base);
	uri_encode_path(
	    out, paths->base.len + below.len > 0 ? below : TEXT("/"));
}

bool
proxy_target_add(struct buffer *out, const struct proxy_paths *paths,
    const struct request *r, struct text below)
{
	const struct text raw = r->raw_path;
	enum path_kind kind = path_kind(raw);
	bool as_sent = kind == PATH_PLAIN &&
	    (!paths->has_base || begins_with(raw, paths->prefix));
	struct text rest = raw;

	if (kind == PATH_BAD || (!as_sent && r->ambiguous_path))
		return false;
	/* Some servers take a backslash for a slash: ..\x would leave the base. */
	if (kind == PATH_DOTTED &&
	    memchr(r->path.at, '\\', r->path.len) != NULL)
		return false;
	if (!as_sent) {
		add_encoded(out, paths, r, below);
	} else if (paths->has_base) {
		grammar_skip(&rest, paths->prefix.len);
		add_rest(out, paths->base, rest);
	} else {
		buffer_add_text(out, raw);
	}
	if (r->has_query) {
		buffer_add_char(out, '?');
		buffer_add_text(out, r->query);
	}
	return true;
}

/* Skips "http://AUTHORITY" if it is the server's own. */
static bool
skip_own(struct text *location, const struct text own[], size_t own_count)
{
	const struct text scheme = TEXT("http://");
	struct text authority = *location;

	if (!text_begins(*location, scheme))
		return false;
	grammar_skip(&authority, scheme.len);
	for (size_t i = 0; i < own_count; i++)
		if (begins_with(authority, own[i])) {
			grammar_skip(location, scheme.len + own[i].len);
			return true;
		}
	return false;
}

/* Whether it is a path, and perhaps a query and fragment, of this server. */
static bool
is_path(struct text location)
{
	return location.len > 0 && location.at[0] == '/' &&
	    (location.len == 1 || location.at[1] != '/');
}

/*
 * Adds what was behind the base: "" or what begins with "/", "?" or "#".  It must
 * not begin with an authority: browsers take a backslash for a slash, and leave out
 * tabs.
 */
static void
proxy_target_add_location(
    struct buffer *out, struct text base, struct text prefix, struct text rest)
{
	bool has_path = rest.len > 0 && rest.at[0] == '/';

	while (prefix.len == 0 && rest.len > 0 &&
	    proxy_target_is_one_of(rest.at[0], "/\\\t"))
		grammar_skip(&rest, 1);
	buffer_add_text(out, prefix);
	if (prefix.len == 0 || (base.len == 0 && !has_path))
		buffer_add_char(out, '/');
	buffer_add_text(out, rest);
}

bool
proxy_target_rewrite(struct buffer *out, const struct proxy_paths *paths,
    struct text location, const struct text own[], size_t own_count)
{
	bool was_own = skip_own(&location, own, own_count);

	if (!was_own && (!paths->has_base || !is_path(location)))
		return false;
	if (!paths->has_base) {
		proxy_target_add_location(out, TEXT(""), TEXT(""), location);
		return true;
	}
	if (paths->base.len > 0 && !begins_with(location, paths->base))
		return false;
	grammar_skip(&location, paths->base.len);
	proxy_target_add_location(out, paths->base, paths->prefix, location);
	return true;
}
