/*
 * conditional: the preconditions of a request (RFC 9110, 13).
 */
#ifndef TINED_HTTP_CONDITIONAL_H
#define TINED_HTTP_CONDITIONAL_H

#include <stdbool.h>
#include <time.h>

#include "http/request.h"

/* The validators of the selected representation (RFC 9110, 8.8). */
struct validators {
	struct text etag; /* with its quotes; W/ before them if it is weak */
	time_t modified;
};

/*
 * Evaluates the preconditions in the order of RFC 9110, 13.2.2.  Returns 0 if
 * the request is to be performed, else 304 or 412.  Dates later than now are
 * ignored.
 */
int conditional_check(
    const struct request *r, const struct validators *v, time_t now);
/* True if Range may be honoured: there is no If-Range, or it matches. */
bool conditional_range_applies(
    const struct request *r, const struct validators *v);

#endif
