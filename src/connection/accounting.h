/*
 * accounting: counts what the worker does for its clients (scoreboard.h).
 */
#ifndef TINED_CONNECTION_ACCOUNTING_H
#define TINED_CONNECTION_ACCOUNTING_H

#include "connection/exchange.h"

/* Called when a response is complete; it may still wait in the output. */
void accounting_answer(struct tined_exchange *x);
/*
 * Called when the output was flushed: the kernel has all responses, or they are
 * lost.  Between the flushes that it counts together, the worker must not have
 * waited for anything.  Returns clock_now(), or 0 if there was no response.
 */
int64_t accounting_sent(struct connection *c);
/* Flushes the output as output_flush does, and counts. */
int accounting_flush(struct connection *c);
/*
 * Send the deferred response as output_resume and output_send_deferred do.  If
 * that fails, they count it as aborted and log it.
 */
int accounting_resume(struct connection *c);
int accounting_send_deferred(struct connection *c, int64_t until);

#endif
