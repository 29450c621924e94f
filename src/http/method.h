/*
 * method: the request methods that something here implements (RFC 9110, 9;
 * PATCH is RFC 5789).  They are case-sensitive.
 */
#ifndef TINED_HTTP_METHOD_H
#define TINED_HTTP_METHOD_H

#include "base/buffer.h"

/* A bit each, so that sets of them are ORs. */
enum method {
	METHOD_UNKNOWN = 0,
	METHOD_GET = 1,
	METHOD_HEAD = 2,
	METHOD_OPTIONS = 4,
	METHOD_POST = 8,
	METHOD_PUT = 16,
	METHOD_PATCH = 32,
	METHOD_DELETE = 64,
};

#define METHODS_ALL 127u

enum method method_of(struct text name);
/* "GET, HEAD", as an Allow field has it. */
void method_list(struct buffer *b, unsigned set);

#endif
