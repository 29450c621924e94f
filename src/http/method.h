/*
 * method: the request methods that handlers can implement (RFC 9110, 9; PATCH
 * is RFC 5789).  Names are case-sensitive.
 */
#ifndef TINED_HTTP_METHOD_H
#define TINED_HTTP_METHOD_H

#include <stdbool.h>

#include "base/buffer.h"

/* One bit each, for sets of methods. */
enum method {
	METHOD_UNKNOWN = 0,
	METHOD_GET = 1,
	METHOD_HEAD = 2,
	METHOD_OPTIONS = 4,
	METHOD_POST = 8,
	METHOD_PUT = 16,
	METHOD_PATCH = 32,
	METHOD_DELETE = 64,
	METHOD_OTHER = 128, /* any other token, except CONNECT */
	METHOD_TRACE = 256,
};

/* All that have a name here, except TRACE: a handler must ask for that. */
#define METHODS_ALL 127u

/* Returns METHOD_UNKNOWN for a name that is not in the list above. */
enum method method_of(struct text name);
/* Returns the name of a method that has one here; else an empty text. */
struct text method_name(enum method method);
/* True if the method is idempotent (RFC 9110, 9.2.2). */
bool method_is_idempotent(enum method method);
/* Adds "GET, HEAD", the value of an Allow field, for a set. */
void method_list(struct buffer *b, unsigned set);

#endif
