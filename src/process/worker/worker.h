/*
 * worker: a process that accepts connections and serves them, one at a time.
 */
#ifndef TINED_PROCESS_WORKER_WORKER_H
#define TINED_PROCESS_WORKER_WORKER_H

#include <sys/types.h>

#include "process/inherited.h"

/*
 * Serves until SIGTERM comes, or the master dies; then the request under way is
 * finished.  If it is this worker alone that is to end, it retires: its client,
 * if there is one, goes to the lot with what it has sent, and no other is
 * taken; without a lot, its next response is the last.  If the whole server
 * stops (scoreboard.h), an idle connection is closed, and connections that wait
 * to be accepted are served until SIGNAL_LET_GO.  A worker that gets
 * SIGNAL_TIMED_OUT ends if it finds that it hangs in a request.  slot is the
 * worker's place on the scoreboard.  Returns the exit status; the process must
 * end with it.
 */
int worker_run(struct inherited *inherited, size_t slot, pid_t master);

#endif
