/*
 * answer: answers a request: finds its handler, runs it and sends the response.
 */
#ifndef TINED_CONNECTION_ANSWER_H
#define TINED_CONNECTION_ANSWER_H

#include "connection/exchange.h"

/*
 * Responds to the request, whose head has been parsed and is the first len bytes
 * of the input, and takes it and its content.  connection.close_after says
 * whether the connection persists.  Returns false and takes nothing if the lot
 * should receive the content first (request_content.h).
 */
bool answer_request(struct tined_exchange *x, size_t len);
/*
 * Responds with an error to input that is not a request, and takes all of it;
 * the connection ends with that.  exchange.request is what has been parsed of
 * it, perhaps nothing.
 */
void answer_refuse(struct tined_exchange *x, int status);
/*
 * Call it after either.  Sends the response, unless the next request is here,
 * counts it, and writes the access log.
 */
void answer_conclude(struct tined_exchange *x);

#endif
