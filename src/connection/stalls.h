/*
 * stalls: notices responses that wait in the kernel (stall.h), counts them, and
 * logs the first of each cause in an hour.
 *
 * A response is judged when the client's next request is here, the last of a
 * connection when that ends, by the process that has it then, and a piece of a
 * stream at the next flush.  Nothing is judged when a connection is parked: the
 * kernel still knows later what it knew then, and by then all has left.  If less
 * than STALL_MIN has passed until then it has not waited, and costs nothing: the
 * times are known anyway.  Most clients that take longer have only paused, or are
 * far away.  So a worker looks if one takes longer than it did before, and at one
 * of a few others, as at one of a few connections that end; but at all of them if
 * any process has seen a stall in the last minute, and at a connection of which a
 * loss is pending.  Of the pieces of a stream that follow each other more quickly,
 * it looks at one every now and then, and at each while one is held.
 */
#ifndef TINED_CONNECTION_STALLS_H
#define TINED_CONNECTION_STALLS_H

#include "connection/exchange.h"

/* Called when the next response begins: what was not judged never is. */
void stalls_begin(struct connection *c);
/*
 * Called when the kernel has all of a response, at that time (clock.h), or the
 * output has deferred the rest of it.
 */
void stalls_handed(struct connection *c, int64_t now);
/* Called when the kernel has the rest of a deferred response. */
void stalls_handed_rest(struct connection *c);
/*
 * Called when the next request came at that time, or the connection ends in a
 * worker.  Sets exchange.stall.
 */
void stalls_at_request(struct tined_exchange *x, int64_t came);
/*
 * Called by the lot when it closes a connection.  suspects: a counter of all its
 * connections.
 */
void stalls_at_end(struct scoreboard *board, struct stall_mark *m, int fd,
    const struct peer *client, uint32_t *suspects);
/*
 * Called before and after a stream is flushed.  What TCP_CORK may hold back is not
 * judged: stall.h.
 */
void stalls_before_flush(struct tined_exchange *x, int64_t now);
void stalls_after_flush(struct tined_exchange *x, int64_t now);

#endif
