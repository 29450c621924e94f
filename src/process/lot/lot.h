/*
 * lot: the process that holds the connections that no worker is serving: idle
 * ones, those whose head or content is still arriving, those that wait for a
 * free worker, those whose clients take their time to receive a response, and
 * those that linger before they close.  One epoll, nothing that blocks.  It
 * knows of HTTP only where a head ends, and where content does.
 *
 * It opens no files, and sends of a file only what is in the page cache
 * (deferred_send_cached), but in a stop, when there are no workers any more.
 * What may wait for a disk is a line in the error log: where that stands still,
 * so does the lot, and the master replaces it (lot_watch.h).
 */
#ifndef TINED_PROCESS_LOT_LOT_H
#define TINED_PROCESS_LOT_LOT_H

#include <sys/types.h>

#include "process/inherited.h"

/*
 * When another master has taken the place of this one, SIGNAL_MOVE makes it
 * send all connections to the lot of that one; if that one is gone, SIGNAL_STAY
 * makes it keep and finish what has not been taken.
 *
 * Runs until SIGNAL_STOP comes and what waits has been handed on, or the master
 * dies.  Returns the exit status; the process must end with it.
 */
int lot_run(struct inherited *inherited, pid_t master);

#endif
