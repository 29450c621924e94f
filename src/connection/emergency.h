/*
 * emergency: what a client still gets when its worker breaks, or is ended, in
 * the middle of its request.
 */
#ifndef TINED_CONNECTION_EMERGENCY_H
#define TINED_CONNECTION_EMERGENCY_H

#include "connection/client.h"

/* Makes the responses, as long as there is nothing to be afraid of. */
void emergency_prepare(const struct site *site);
/*
 * From the handler of a signal, in a process that ends after it:
 * async-signal-safe, and it takes no longer than a second.
 *
 * Sends what waits of whole responses.  If the present request has an answer
 * of which nothing was sent, its answer is this status instead (500 or 504),
 * and the last of the connection; if something was sent, it is cut off.  The
 * scoreboard keeps what became of it.
 */
void emergency_client(struct client *c, int status);

#endif
