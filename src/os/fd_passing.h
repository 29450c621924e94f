/*
 * fd_passing: descriptors that are sent with a message over a Unix socket
 * (SCM_RIGHTS, unix(7)).  This is the only place that sends or receives them.
 *
 * The sender of a message may be a process that somebody has taken over.  So
 * a receiver says how many descriptors it takes at most; if more came, or some
 * were lost, it gets none, and those that came are closed.
 */
#ifndef TINED_OS_FD_PASSING_H
#define TINED_OS_FD_PASSING_H

#include <sys/types.h>
#include <sys/uio.h>

#include <stddef.h>

/* Descriptors of one message. */
#define FD_PASSING_MAX 3

struct passed_fds {
	int at[FD_PASSING_MAX]; /* the receiver's, with FD_CLOEXEC */
	size_t count;
	/* 0; EMFILE if this process had no room for all; EPROTO if there were
	 * too many, or the message was longer than the parts.  If it is not 0,
	 * count is 0. */
	int error;
};

/* As sendmsg(2), and never raises SIGPIPE; the descriptors stay the caller's.
 * count may be 0. */
ssize_t fd_passing_send(int socket, const struct iovec *parts,
    size_t part_count, const int *fds, size_t count, int flags);
/*
 * As recvmsg(2); max is at most FD_PASSING_MAX.  If it returns -1, no
 * descriptors were received.
 */
ssize_t fd_passing_receive(int socket, const struct iovec *parts,
    size_t part_count, struct passed_fds *fds, size_t max, int flags);
/* Closes those that are left. */
void fd_passing_close(struct passed_fds *fds);

#endif
