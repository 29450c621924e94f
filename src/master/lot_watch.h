/*
 * lot_watch: watches the lot.  The lot reports when it will run again at the
 * latest (score_lot_sleep), and the kernel reports when it is stopped.  The
 * master kills a lot that has not run for --start-timeout, and starts another.
 * Connections in the channel to the lot survive that; connections in the lot
 * are lost.
 *
 * While the lot holds connections, the master checks every few seconds.  While
 * it holds none both sleep, until a worker with a client wakes the master
 * (scoreboard_wake).
 */
#ifndef TINED_MASTER_LOT_WATCH_H
#define TINED_MASTER_LOT_WATCH_H

#include <stdint.h>

#include "master/children.h"

/*
 * Call it in each iteration of the master's loop.  Returns when to check again
 * (clock.h).
 */
int64_t lot_watch_act(int64_t next, struct children *all);

#endif
