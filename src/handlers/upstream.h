/*
 * upstream: passes requests on to other servers.  It has what gateways of all
 * protocols need: the servers of a mount and their arguments, connections and
 * their limits, content both ways in constant memory, a second attempt, errors
 * in the log and to the client.  What the bytes mean is the protocol's.
 *
 * The arguments that it takes from --mount, besides the address:
 *
 *	upstream=ADDRESS	another server; may be repeated
 *	connect-timeout=TIME	to connect; default 5 s
 *	first-byte-timeout=TIME	from the end of the request to the first byte of
 *				the response; default 60 s
 *	idle-timeout=TIME	without a byte in the middle of a message; 60 s
 *	keepalive=TIME		how long a connection without a request is kept
 *				for the next one; 0: not at all
 *
 * Servers are taken in turn.  One that fails is left out for a while, as long
 * as another one is left: for a second, and twice as long each time, up to
 * UPSTREAM_SERVER_ABSENCE_MAX.  Each worker knows only what it has seen itself.  As
 * it serves one request at a time, it keeps at most one connection to each server.
 */
#ifndef TINED_HANDLERS_UPSTREAM_H
#define TINED_HANDLERS_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "handlers/upstream_passage.h"
#include "tined.h"

struct upstream; /* the servers of a mount */

/* ---- In mount, unmount and stop ---- */

/*
 * Takes the address, HOST:PORT, [IPV6]:PORT or unix:PATH, and the arguments above.
 * Looks up hosts now, and not again until the next reload.  Asks for what workers
 * need (TINED_NEED_CONNECT).  keepalive is the default of keepalive=, in
 * nanoseconds.  NULL with an error message in *m.
 */
struct upstream *upstream_mount(
    struct tined_mount *m, const char *address, int64_t keepalive);
void upstream_unmount(struct upstream *u);
/* Closes the connections that this worker has kept. */
void upstream_stop(struct upstream *u);
/*
 * For the worker, before it waits for clients: closes all kept connections whose
 * time is over, because some servers have a process for each.  Returns when the
 * next is due (clock.h).
 */
int64_t upstream_settle(int64_t now);
/*
 * Gets the time in an argument: false if it is malformed, with an error message.
 * *time stays as it is if the argument is not there.
 */
bool upstream_time(struct tined_mount *m, const char *key, int64_t *time);

/* Whether connections are kept for the next request. */
bool upstream_keeps(const struct upstream *u);

/* ---- In serve ---- */

/*
 * Returns the buffer for r->out, empty.  The mount has one: a worker serves one
 * request at a time.
 */
struct buffer *upstream_out(struct upstream *u);
/*
 * Passes the request on, and has the protocol make the response of x.  Blocks
 * until the response is complete, but not longer than the limits allow.  A client
 * that has closed its half of the connection, or gone, still gets what the server
 * sends without a pause of a second.  If it fails, it writes why to the log, and
 * the response becomes an error: 503 if no server could be reached or had room, 502
 * if the response was wrong or broke off, 504 if it took too long; if the client
 * has a part of the response, that is cut off.  0, or -1 if it has failed.
 *
 * If a kept connection turns out to be closed before a byte of the response has
 * come, the request is sent again over a new one: if it is idempotent or nothing
 * of it was sent, and what was sent of it is still there (64 KiB).
 */
int upstream_forward(struct upstream *u, struct upstream_request *r);

#endif
