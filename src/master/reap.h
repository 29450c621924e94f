/*
 * reap: handles children that have ended: logs what they were doing, and
 * decides by the cause of the end how soon each is replaced.
 */
#ifndef TINED_MASTER_REAP_H
#define TINED_MASTER_REAP_H

#include <stdbool.h>

#include "master/children.h"

/*
 * Reaps all children that have ended and frees their slots; a slot whose child
 * has failed is throttled.  Notes the end of a successor's parent for
 * upgrade.h.  quietly: the end was requested.
 */
void reap_all(struct children *all, bool quietly);

#endif
