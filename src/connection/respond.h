/*
 * respond: sends the response of an exchange: framing, head, and pieces or
 * stream (RFC 9112, 6 and 7).
 */
#ifndef TINED_CONNECTION_RESPOND_H
#define TINED_CONNECTION_RESPOND_H

#include "connection/exchange.h"

/* False if the client gets the head only, whatever the handler writes. */
bool respond_has_content(const struct tined_exchange *x);
/* Call it before a handler fills in the response. */
void respond_start(struct tined_exchange *x);
/*
 * Sends what the handler has written of a stream.  -1: the response cannot be
 * sent, because the client is gone or because it is wrong (response_mistake).
 */
int respond_flush(struct tined_exchange *x);
/*
 * The same, but what a slow client has no room for may wait: for the next call,
 * or, when the handler has finished, in the lot.
 */
int respond_stream(struct tined_exchange *x);
/*
 * Refuses what a handler has made, before anything of it was sent: logs the
 * mistake, and answers 500.
 */
void respond_refuse(struct tined_exchange *x, const char *mistake);
/* Call it after the handler.  The response may still wait in the output afterwards. */
void respond_finish(struct tined_exchange *x);

#endif
