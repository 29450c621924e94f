/*
 * framing: evaluates the header fields that concern the message itself: the
 * host, the end of the content, and whether the connection persists.
 */
#ifndef TINED_HTTP_FRAMING_H
#define TINED_HTTP_FRAMING_H

#include "http/request.h"

/*
 * Sets host, framing, length, expects_continue and keep_alive from the header
 * fields.  Returns 0, or the status code to refuse the request with: 400, 417
 * or 501 (RFC 9110, 7.2, 8.6, 10.1.1; RFC 9112, 3.2, 6.1, 6.3, 9.3).
 */
int framing_check(struct request *r);

#endif
