/*
 * relog: the logs, opened anew.  Only the master can: the folder may be root's,
 * and the workers are not.  Each child gets the new descriptors from it, and
 * takes them over at once, even in the middle of a request, in the handler of
 * SIGNAL_LOGS; it acknowledges by the number of the notice.
 */
#ifndef TINED_RELOG_H
#define TINED_RELOG_H

#include <sys/types.h>

#include <stdatomic.h>

#include "heritage.h"

/*
 * In the master: opens the logs, counts heritage.logs up, and posts them for
 * the children.  -1 when one could not be had, which is logged; its old one
 * stays.
 */
int relog_open(struct heritage *h);
/*
 * In a child, before signals come: from now on it takes over what is posted,
 * and sets seen to its number.
 */
void relog_follow(struct heritage *h, atomic_uint *seen, pid_t master);

#endif
