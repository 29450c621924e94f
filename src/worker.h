/*
 * worker: a process that accepts connections and serves them, one at a time.
 */
#ifndef TINED_WORKER_H
#define TINED_WORKER_H

#include <sys/types.h>

#include "heritage.h"

/*
 * Serves until SIGTERM comes, or the master dies; then the request under way
 * is finished, an idle connection is closed, and connections that wait to be
 * accepted are served.  slot is the worker's place on the scoreboard.  Returns
 * the exit status; the process must end with it.
 */
int worker_run(struct heritage *heritage, size_t slot, pid_t master);

#endif
