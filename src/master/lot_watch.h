/*
 * lot_watch: the heartbeat of the lot.  The lot says when it goes on at the
 * latest (score_lot_sleep), and the kernel says when it is stopped.  One that
 * stands still for --start-timeout is killed, and another takes its place: what
 * lay in the channel to it survives, what it held does not.
 *
 * While the lot holds connections the master looks every few seconds.  When
 * nobody is connected both sleep, until a worker that has a client wakes the
 * master (scoreboard_wake).
 */
#ifndef TINED_MASTER_LOT_WATCH_H
#define TINED_MASTER_LOT_WATCH_H

#include <stdint.h>

#include "master/children.h"

/* In each turn of the master's loop.  When to look again (clock.h). */
int64_t lot_watch_act(int64_t next, struct children *all);

#endif
