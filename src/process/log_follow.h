/*
 * log_follow: the logs, opened anew.  Only the master can: the folder may be
 * root's, and the workers are not.  Each child gets the new descriptors from
 * it, and takes them over at once, even in the middle of a request, in the
 * handler of SIGNAL_LOGS; it acknowledges by the number of the notice.
 */
#ifndef TINED_PROCESS_LOG_FOLLOW_H
#define TINED_PROCESS_LOG_FOLLOW_H

#include <sys/types.h>

#include <stdatomic.h>

#include "process/inherited.h"

/*
 * In the master: opens the logs, counts inherited.logs up, and posts them for
 * the children.  -1 when one could not be had, which is logged; its old one
 * stays.
 */
int log_follow_open(struct inherited *h);
/*
 * In a child, before signals come: from now on it takes over what is posted,
 * and sets seen to its number.
 */
void log_follow_follow(struct inherited *h, atomic_uint *seen, pid_t master);

#endif
