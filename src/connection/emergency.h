/*
 * emergency: the response to a client whose worker crashes, or is ended, in the
 * middle of its request.
 */
#ifndef TINED_CONNECTION_EMERGENCY_H
#define TINED_CONNECTION_EMERGENCY_H

#include "connection/client.h"

/* Prepares the responses in advance. */
void emergency_prepare(const struct site *site);
/*
 * Called by a signal handler in a process that then ends.  Async-signal-safe;
 * takes at most a second.
 *
 * Sends complete responses that wait in the output.  If nothing of the current
 * response was sent, sends an error with that status code (500 or 504) in its
 * place, and closes; otherwise cuts the response off.  Writes the outcome to
 * the scoreboard.
 */
void emergency_client(struct client *c, int status);

#endif
