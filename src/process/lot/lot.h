/*
 * lot: the process that holds the connections that no worker is serving:
 * connections that are idle, whose head or content is still arriving, that wait
 * for a free worker, whose client is slow to receive a response, or that linger
 * before they close.  It is one event loop, and never blocks.  Of HTTP it knows
 * only how to find the end of a head and of content.
 *
 * It opens no files, and sends of a file only what is in the page cache
 * (deferred_send_cached), but in a stop, when there are no workers any more.
 * Only a line for the error log may have to wait for a disk.  If that disk
 * does not respond, the lot stands still, and the master replaces it
 * (lot_watch.h).
 */
#ifndef TINED_PROCESS_LOT_LOT_H
#define TINED_PROCESS_LOT_LOT_H

#include <sys/types.h>

#include "process/inherited.h"

/*
 * Runs until SIGNAL_STOP has arrived and all requests are handed over, or until
 * the master dies.  After an upgrade, SIGNAL_MOVE makes it send all connections
 * to the new master's lot; if the new master has ended, SIGNAL_STAY makes it
 * keep the connections that the other lot has not received.  Returns the exit
 * status, with which the process must end.
 */
int lot_run(struct inherited *inherited, pid_t master);

#endif
