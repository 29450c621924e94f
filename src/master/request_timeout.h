/*
 * request_timeout: ends workers and lots that take too long to start
 * (--start-timeout), and workers whose handler takes too long
 * (--request-timeout; --stream-timeout once a part of its response was sent).
 * Only the time in SCORE_RUNNING counts, in which a handler runs and does not
 * wait for its client; it begins again after each part of a stream.  So a slow
 * client never times out its handler.
 */
#ifndef TINED_MASTER_REQUEST_TIMEOUT_H
#define TINED_MASTER_REQUEST_TIMEOUT_H

#include "master/children.h"
#include "os/crash.h"

/*
 * How long after SIGNAL_TIMED_OUT a worker is killed.  It ends itself in time, if
 * it gets a core within a second.
 */
#define REQUEST_TIMEOUT_PATIENCE ((CRASH_LAST_SECONDS + 1) * CLOCK_SECOND)

/*
 * Sends SIGNAL_TIMED_OUT to workers that hang, and later kills them.  Returns
 * when to check again (clock.h): before any current or new request can time
 * out.  A process that is started later needs a check earlier (children.fresh).
 */
int64_t request_timeout_check(struct children *all);

#endif
