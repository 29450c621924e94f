/*
 * pidlock: the pid file, of which there is one.  Its lock belongs to an open
 * file, so that a successor that inherits the descriptor holds it too, and no
 * third process can take it in between.
 */
#ifndef TINED_PIDLOCK_H
#define TINED_PIDLOCK_H

#include <sys/types.h>

/* -1 with errno: EEXIST when the process in other has it. */
int pidlock_open(const char *path, pid_t *other);
/* Goes on with the descriptor of a predecessor. */
void pidlock_inherit(const char *path, int fd);
/* To be inherited; -1 if there is none. */
int pidlock_fd(void);
/*
 * Writes our own number; into a new file, if the one that was inherited has been
 * removed.  -1 with errno.
 */
int pidlock_write(void);
/* At the end: removes the file. */
void pidlock_remove(void);
/* In a child, and when a successor has it: the file stays. */
void pidlock_close(void);

#endif
