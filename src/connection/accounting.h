/*
 * accounting: counts what the worker does for its clients (scoreboard.h).
 */
#ifndef TINED_CONNECTION_ACCOUNTING_H
#define TINED_CONNECTION_ACCOUNTING_H

#include "connection/exchange.h"

/* A request is answered; the answer may still wait in the output. */
void accounting_answer(struct exchange *x);
/*
 * The output was flushed: all answers are with the kernel, or lost.  What is
 * counted here does not depend on how requests came, but nothing may have been
 * waited for between the flushes that it sums up.
 */
void accounting_sent(struct connection *c);
/* Flushes the output, and counts: as output_flush. */
int accounting_flush(struct connection *c);
/*
 * Sends the deferred response that the connection has, as output_resume and
 * output_send_deferred do.  If the client does not take it, it is counted as
 * aborted, and logged.
 */
int accounting_resume(struct connection *c);
int accounting_send_deferred(struct connection *c);

#endif
