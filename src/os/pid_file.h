/*
 * pid_file: the pid file, of which there is one.  Its lock belongs to an open
 * file, so that a successor that inherits the descriptor holds it too, and no
 * third process can take it in between.
 */
#ifndef TINED_OS_PID_FILE_H
#define TINED_OS_PID_FILE_H

#include <sys/types.h>

/* -1 with errno: EEXIST when the process in other has it. */
int pid_file_open(const char *path, pid_t *other);
/* Goes on with the descriptor of a predecessor. */
void pid_file_inherit(const char *path, int fd);
/* To be inherited; -1 if there is none. */
int pid_file_fd(void);
/*
 * Writes our own number; into a new file, if the one that was inherited has
 * been removed.  -1 with errno.
 */
int pid_file_write(void);
/* At the end: removes the file. */
void pid_file_remove(void);
/* In a child, and when a successor has it: the file stays. */
void pid_file_close(void);

#endif
