/*
 * delivery: sends the response of the present exchange: framing, head, pieces
 * or stream (RFC 9112, 6 and 7).
 */
#ifndef TINED_DELIVERY_H
#define TINED_DELIVERY_H

#include "client.h"

/* Before a handler fills in the response. */
void delivery_start(struct client *c);
/* When it is filled in.  What was sent may still wait in the output. */
void delivery_finish(struct client *c);

#endif
