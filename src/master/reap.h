/*
 * reap: what is done with children that have ended: the log says what they were
 * doing, and how soon another takes the place of each depends on why it ended.
 */
#ifndef TINED_MASTER_REAP_H
#define TINED_MASTER_REAP_H

#include <stdbool.h>

#include "master/children.h"

/*
 * Collects those that have ended: their slots are free, and throttled if they
 * failed.  Of a successor, or a successor, it is noted for upgrade.h.  quietly:
 * their end was asked for.
 */
void reap_all(struct children *all, bool quietly);

#endif
