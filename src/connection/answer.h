/*
 * answer: processes a request: parses it, runs its handler and sends the
 * response.
 */
#ifndef TINED_CONNECTION_ANSWER_H
#define TINED_CONNECTION_ANSWER_H

#include "connection/exchange.h"

/*
 * Responds to the request whose head is the first len bytes of the input, and
 * takes it and its content.  connection.close_after says whether the connection
 * persists.  Returns false and takes nothing if the lot should receive the
 * content first (request_content.h).
 */
bool answer_request(struct exchange *x, size_t len);
/* Responds to input that is not a request with an error, and closes. */
void answer_no_request(struct exchange *x, int status);

#endif
