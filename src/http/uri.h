/*
 * uri: request targets (RFC 9112, 3.2) and their paths (RFC 3986, 3.3).
 */
#ifndef TINED_HTTP_URI_H
#define TINED_HTTP_URI_H

#include <stdbool.h>

#include "base/buffer.h"
#include "http/method.h"

struct uri {
	struct text authority; /* absolute-form only, else empty */
	struct text path;      /* percent-encoded; "/" for an empty one */
	struct text query;     /* percent-encoded, without "?" */
	bool has_query;
	bool asterisk;
	bool plain;	/* origin-form, and all bytes are CHAR_URI */
	bool unencoded; /* the path has bytes that must be encoded */
};

/*
 * Splits a request target.  Returns 0, or the status code to refuse it with.
 * Accepts some bytes that no URI has, because browsers send them (chars.h);
 * none of them changes how the rest is decoded.  A query may have still others,
 * and a lone "%".  A path with such bytes is refused, unless the method allows
 * a redirect to the encoded path (RFC 9112, 3.2): then unencoded is set.
 */
int uri_parse(struct text target, enum method method, struct uri *out);
/*
 * True for host[":" port] of RFC 3986, 3.2, with a port of at most 65535 and
 * without userinfo, and for an empty text.  A port needs a host (RFC 9110,
 * 4.2.1).  False for an IPvFuture, as no such address is in use.
 */
bool uri_authority_is_valid(struct text authority);
/*
 * Decodes a valid path once, merges slashes and removes dot segments (RFC 3986,
 * 5.2.4).  The result replaces the content of *out and begins with "/".
 * Returns true if the path is ambiguous, because it contains an encoded slash
 * or a NUL: the caller must not look up a file by it.
 */
bool uri_decode_path(struct text path, struct buffer *out);
/*
 * Adds a decoded path for a Location or a link, and percent-encodes all bytes
 * except unreserved ones and "/".
 */
void uri_encode_path(struct buffer *b, struct text path);
/* Adds "?" and a query from a client, with invalid bytes percent-encoded. */
void uri_add_query(struct buffer *b, struct text query);
/*
 * Adds a path from a client for a Location, with invalid bytes percent-encoded.
 * It begins with exactly one slash, because two would begin an authority.
 */
void uri_add_path(struct buffer *b, struct text path);

#endif
