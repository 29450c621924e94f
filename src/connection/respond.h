/*
 * respond: sends the response of the present exchange: framing, head, pieces
 * or stream (RFC 9112, 6 and 7).
 */
#ifndef TINED_CONNECTION_RESPOND_H
#define TINED_CONNECTION_RESPOND_H

#include "connection/exchange.h"

/* Before a handler fills in the response. */
void respond_start(struct exchange *x);
/* When it is filled in.  What was sent may still wait in the output. */
void respond_finish(struct exchange *x);

#endif
