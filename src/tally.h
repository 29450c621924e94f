/*
 * tally: counts what the worker does for its clients (scoreboard.h).
 */
#ifndef TINED_TALLY_H
#define TINED_TALLY_H

#include "client.h"

/* A request is answered; the answer may still wait in the output. */
void tally_answer(struct client *c);
/*
 * The output was flushed: all answers are with the kernel, or lost.  What is
 * counted here does not depend on how requests came, but nothing may have been
 * waited for between the flushes that it sums up.
 */
void tally_sent(struct client *c);
/* Flushes the output, and counts: as output_flush. */
int tally_flush(struct client *c);

#endif
