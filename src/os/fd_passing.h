/*
 * fd_passing: sends and receives descriptors with a message over a Unix socket
 * (SCM_RIGHTS, unix(7)).  No other module does that.  An attacker may have
 * taken over the sender.  So a receiver says how many descriptors it accepts at
 * most; if more came, or some were lost, all are closed.
 */
#ifndef TINED_OS_FD_PASSING_H
#define TINED_OS_FD_PASSING_H

#include <sys/types.h>
#include <sys/uio.h>

#include <stddef.h>

/* The maximum number of descriptors in one message. */
#define FD_PASSING_MAX 3

struct passed_fds {
	int at[FD_PASSING_MAX]; /* owned by the receiver; FD_CLOEXEC is set */
	size_t count;
	/*
	 * 0; EMFILE if this process had no room for all descriptors; EPROTO if
	 * there were too many, or if the message was longer than the parts.
	 * count is 0 unless it is 0.
	 */
	int error;
};

/*
 * Like sendmsg(2), but never raises SIGPIPE.  The caller keeps the descriptors;
 * count may be 0.
 */
ssize_t fd_passing_send(int socket, const struct iovec *parts,
    size_t part_count, const int *fds, size_t count, int flags);
/*
 * Like recvmsg(2).  max is at most FD_PASSING_MAX.  If it returns -1, no
 * descriptors were received.
 */
ssize_t fd_passing_receive(int socket, const struct iovec *parts,
    size_t part_count, struct passed_fds *fds, size_t max, int flags);
/* Closes the descriptors that are left. */
void fd_passing_close(struct passed_fds *fds);

#endif
