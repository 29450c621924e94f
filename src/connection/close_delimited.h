/*
 * close_delimited: responses of which the close of the connection is the end: to
 * clients of HTTP/1.0, without Content-Length (RFC 9112, 6.3).  To them a response
 * that was cut off would look whole.  So from its first byte to its last, the close
 * of such a connection is a reset (net/reset.h), in whichever process that is, and
 * also if a process is killed.
 *
 * Workers may not set that option, since they share listeners: they ask the lot to
 * do it (HANDOFF_RESETS), which in a stop ends after them.  With --no-lot, and over Unix sockets, all ends look alike.
 */
#ifndef TINED_CONNECTION_CLOSE_DELIMITED_H
#define TINED_CONNECTION_CLOSE_DELIMITED_H

#include <stdint.h>

#include "connection/connection.h"

/* Call it before the first byte of such a response is sent. */
void close_delimited_begin(struct connection *c);
/*
 * Call it when the kernel has all of the response, and before the connection is
 * closed or shut down; for others it does nothing.
 */
void close_delimited_end(struct connection *c);
/*
 * Call it before a connection is closed within such a response: waits until the
 * client has received what was sent, which a reset would discard, or until that
 * time (clock.h).  For others it does nothing.  Async-signal-safe.
 */
void close_delimited_settle(const struct connection *c, int64_t deadline);

#endif
