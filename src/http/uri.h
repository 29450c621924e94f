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
	bool
	    unencoded; /* the path has bytes that it may not have as they are */
};

/*
 * Takes a target apart: 0, or the status to refuse it with.  Bytes that no URI
 * has are let through where browsers send them (chars.h): nothing is decoded
 * that they could change.  A query may have others too, and "%" alone; a path
 * that has them is refused unless the client can be redirected to the encoded
 * one (RFC 9112, 3.2).
 */
int uri_parse(struct text target, enum method method, struct uri *out);
/*
 * host[":" port] of RFC 3986, 3.2, the port at most 65535, no userinfo, or
 * nothing at all: a port needs a host (RFC 9110, 4.2.1).  An IPvFuture is
 * refused: nothing can be reached by it yet.
 */
bool uri_authority_is_valid(struct text authority);
/*
 * Decodes a valid path once, merges slashes and removes dot segments
 * (RFC 3986, 5.2.4), in place of what the buffer held.  The result begins
 * with "/".  True when the path is ambiguous: an encoded slash or a NUL
 * was in it, and no file may be looked up by it.
 */
bool uri_decode_path(struct text path, struct buffer *out);
/* Percent-encodes what is not unreserved or "/": for a Location or a link. */
void uri_encode_path(struct buffer *b, struct text path);
/* "?" and a query as it came, made valid. */
void uri_add_query(struct buffer *b, struct text query);
/*
 * A path as it came, made valid, for a Location.  It begins with one slash, as
 * two would name another host.
 */
void uri_add_path(struct buffer *b, struct text path);

#endif
