/*
 * log_follow: reopens the logs in all processes.  Only the master may have
 * permission to open them.  It sends the new descriptors to its children, and
 * each child switches to them immediately, even in the middle of a request, in
 * its signal handler for SIGNAL_LOGS.  Then it acknowledges the number of the
 * notice.
 */
#ifndef TINED_PROCESS_LOG_FOLLOW_H
#define TINED_PROCESS_LOG_FOLLOW_H

#include <sys/types.h>

#include <stdatomic.h>

#include "process/inherited.h"

/* By the master, once.  -1 with errno. */
int log_follow_init(struct log_notices *n);
/*
 * In the master: opens the logs, increments inherited.logs, and posts the
 * descriptors to the children, in place of those that were posted before.  A
 * log that cannot be opened stays the old one: -1, and the reason is logged.
 */
int log_follow_open(struct inherited *h);
/*
 * In the master: posts the same descriptors again if a child has received them:
 * children only look at them, but one that was taken over can do so.
 */
void log_follow_post_again(struct inherited *h);
/*
 * In a child, before signals are unblocked: from now on it switches to each set
 * of logs that the master posts, and sets *seen to its number.
 */
void log_follow_follow(struct inherited *h, atomic_uint *seen, pid_t master);

#endif
