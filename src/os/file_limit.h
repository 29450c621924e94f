/*
 * file_limit: the limit on descriptors of this process (RLIMIT_NOFILE).  The
 * server raises it for itself; a program that it runs gets the one from before.
 */
#ifndef TINED_OS_FILE_LIMIT_H
#define TINED_OS_FILE_LIMIT_H

/* Raises the limit as far as this process may. */
void file_limit_raise(void);
/*
 * Before exec: sets the limit that file_limit_raise has found.
 * Async-signal-safe.
 */
void file_limit_restore(void);

#endif
