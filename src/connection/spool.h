/*
 * spool: a file for the content of one request at a time, for handlers that must
 * know its length before they begin.  A worker opens it before it is confined, and
 * has it until it ends.  It has no name.
 */
#ifndef TINED_CONNECTION_SPOOL_H
#define TINED_CONNECTION_SPOOL_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Opens it in $TMPDIR, or else in /var/tmp.  If that cannot be, the log says why,
 * with -v.
 */
void spool_open(void);
bool spool_is_open(void);
/* Appends bytes.  -1 with errno: then spool_clear must follow. */
int spool_add(const char *bytes, size_t len);
/*
 * Returns the descriptor, at offset 0; all that was added is there, and perhaps
 * more behind it.  -1 with errno.
 */
int spool_rewind(void);
/* Gives its room back to the file system; what is added next is at offset 0. */
void spool_clear(void);

#endif
