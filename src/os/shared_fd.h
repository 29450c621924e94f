/*
 * shared_fd: descriptors that several owners in this process share, because they
 * are of the same file or directory.  For descriptors of one kind, O_PATH: nothing
 * but their inode counts.  A child that is forked has owners of its own.
 */
#ifndef TINED_OS_SHARED_FD_H
#define TINED_OS_SHARED_FD_H

/*
 * Takes the descriptor over, and returns the one to use in its place: if there is
 * one of the same inode, that, and closes this.  The caller is one more owner.
 */
int shared_fd_take(int fd);
/* Closes the descriptor with its last owner.  One that was not taken is closed. */
void shared_fd_release(int fd);
/* In a child that has closed all of them, and shares others. */
void shared_fd_forget_all(void);

#endif
