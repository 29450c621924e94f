/*
 * exchange: one request and its response.
 */
#ifndef TINED_CONNECTION_EXCHANGE_H
#define TINED_CONNECTION_EXCHANGE_H

#include "connection/client.h"

/*
 * Answers the request whose head is bytes[0..len) of the input, which is taken,
 * with its content.  Sets close and linger of the connection.  False when its
 * content is better waited for elsewhere (request_content.h): nothing is taken.
 */
bool exchange_answer(struct client *c, size_t len);
/* Answers what is no request, with an error; the connection ends with it. */
void exchange_refuse(struct client *c, int status);

#endif
