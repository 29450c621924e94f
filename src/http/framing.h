/*
 * framing: what the fields of a request say of the message itself: whom it is
 * for, where its content ends, and whether the connection persists.
 */
#ifndef TINED_HTTP_FRAMING_H
#define TINED_HTTP_FRAMING_H

#include "http/request.h"

/*
 * Sets host, framing, length, expects_continue and keep_alive from the
 * fields.  0, or the status to refuse the request with: 400, 417 or 501
 * (RFC 9110, 7.2, 8.6, 10.1.1; RFC 9112, 3.2, 6.1, 6.3, 9.3).
 */
int framing_check(struct request *r);

#endif
