/*
 * pid_file: the pid file of this process.  Its lock belongs to the open file
 * description, so that a successor that inherits the descriptor holds the lock
 * as well, and no third process can take it in between.
 */
#ifndef TINED_OS_PID_FILE_H
#define TINED_OS_PID_FILE_H

#include <sys/types.h>

/*
 * -1 with errno: EEXIST if the process *other holds it, ENOTUNIQ if it is a file
 * with other content than a process ID, which stays as it is.
 */
int pid_file_open(const char *path, pid_t *other);
/*
 * Checks that pid_file_open can open the file if no other process holds it.
 * Changes nothing.  -1 with errno, as above.
 */
int pid_file_check(const char *path);
/* Uses the descriptor of the predecessor. */
void pid_file_inherit(const char *path, int fd);
/* Returns the descriptor for a successor; -1 if there is no pid file. */
int pid_file_fd(void);
/*
 * Writes the process ID of this process; into a new file if the inherited file
 * has been removed.  -1 with errno.
 */
int pid_file_write(void);
/* Removes the file, when the server ends. */
void pid_file_remove(void);
/* Closes the descriptor and keeps the file: after an upgrade. */
void pid_file_close(void);
/*
 * The same in a child that has no further use of a pid file: it changes no memory,
 * which the child would have to copy.
 */
void pid_file_leave(void);

#endif
