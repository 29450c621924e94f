/*
 * removed: what a mount does when the directory that it has open was removed.
 */
#ifndef TINED_HANDLERS_REMOVED_H
#define TINED_HANDLERS_REMOVED_H

#include <stdbool.h>

#include "tined.h"

/* Says so in the log, once; path is the directory's. */
void removed_log(bool *told, const char *path);
/*
 * The same, and asks for a reload, which opens the directory that has the name
 * then.  The response, a 503, is the caller's.
 */
void removed_tell(bool *told, const char *path, struct tined_exchange *x);

#endif
