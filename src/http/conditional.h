/*
 * conditional: the preconditions of a request (RFC 9110, 13).
 */
#ifndef TINED_HTTP_CONDITIONAL_H
#define TINED_HTTP_CONDITIONAL_H

#include <stdbool.h>
#include <time.h>

#include "http/request.h"

/* What is known of the representation that would be sent. */
struct validators {
	struct text etag; /* with its quotes; W/ before them if it is weak */
	time_t modified;
};

/*
 * Evaluates them in the order of RFC 9110, 13.2.2.  0 when the request is to
 * be performed, else 304 or 412.  now is for dates that lie in the future.
 */
int conditional_check(
    const struct request *r, const struct validators *v, time_t now);
/* Whether a Range field may be honoured: no If-Range, or one that is true. */
bool conditional_range_applies(
    const struct request *r, const struct validators *v);

#endif
