/*
 * answer: makes the response to a request, and sends it.
 */
#ifndef TINED_CONNECTION_ANSWER_H
#define TINED_CONNECTION_ANSWER_H

#include "connection/exchange.h"

/*
 * Answers the request whose head is bytes[0..len) of the input, which is taken,
 * with its content.  Says whether the connection goes on after it.  False when
 * its content is better waited for elsewhere (request_content.h): nothing is
 * taken.
 */
bool answer_request(struct exchange *x, size_t len);
/* Answers what is no request, with an error; the connection ends with it. */
void answer_no_request(struct exchange *x, int status);

#endif
