/*
 * respond: sends the response of an exchange: framing, head, and pieces or
 * stream (RFC 9112, 6 and 7).
 */
#ifndef TINED_CONNECTION_RESPOND_H
#define TINED_CONNECTION_RESPOND_H

#include "connection/exchange.h"

/* Call it before a handler fills in the response. */
void respond_start(struct tined_exchange *x);
/*
 * Sends what the handler has written of a stream.  -1: the response cannot be
 * sent, because the client is gone or because it is wrong (response_mistake).
 */
int respond_flush(struct tined_exchange *x);
/* Call it after the handler.  The response may still wait in the output afterwards. */
void respond_finish(struct tined_exchange *x);

#endif
