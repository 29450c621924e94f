/*
 * worker: a process that accepts connections and serves them, one at a time.
 */
#ifndef TINED_PROCESS_WORKER_WORKER_H
#define TINED_PROCESS_WORKER_WORKER_H

#include <sys/types.h>

#include "process/inherited.h"

/*
 * Serves until SIGTERM arrives or the master dies, and finishes its request.
 *
 * If only this worker is to end, it retires: it hands its connection to the lot
 * and takes no other; without a lot, its next response is the last.  If the
 * whole server stops (scoreboard.h), it closes an idle connection, and serves
 * clients that wait to be accepted until SIGNAL_LET_GO.  At SIGNAL_TIMED_OUT it
 * ends if it hangs in a request.
 *
 * slot is the worker's slot on the scoreboard.  Returns the exit status, with
 * which the process must end.
 */
int worker_run(struct inherited *inherited, size_t slot, pid_t master);

#endif
