#include <sys/socket.h>

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "os/fd_passing.h"

/*
 * Room for one descriptor more than a receiver can take.  So a message with too
 * many descriptors differs from one for whose descriptors this process has no
 * room.
 */
#define RIGHTS_MAX (FD_PASSING_MAX + 1)
/*
 * A process that shares the socket may enable SO_PASSCRED or SO_PASSSEC.  The
 * kernel then puts credentials or a label before the descriptors, and needs
 * room for both.
 */
#define OTHERS_ROOM 512

union control {
	struct cmsghdr header; /* for its alignment */
	char bytes[CMSG_SPACE(RIGHTS_MAX * sizeof(int)) + OTHERS_ROOM];
};

ssize_t
fd_passing_send(int socket, const struct iovec *parts, size_t part_count,
    const int *fds, size_t count, int flags)
{
	union control control = {0};
	struct msghdr message = {
	    .msg_iov = (struct iovec *)(uintptr_t)parts,
	    .msg_iovlen = part_count,
	};

	assert(count <= FD_PASSING_MAX);
	if (count > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
	}
	return sendmsg(socket, &message, flags | MSG_NOSIGNAL);
}

/*
 * Keeps up to max descriptors and closes the others.  Returns the number of
 * all.
 */
static size_t
take_rights(const struct cmsghdr *header, struct passed_fds *fds, size_t max)
{
	size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	const unsigned char *data = CMSG_DATA(header);

	for (size_t i = 0; i < count; i++) {
		int fd;

		memcpy(&fd, data + i * sizeof(fd), sizeof(fd));
		if (fds->count < max)
			fds->at[fds->count++] = fd;
		else
			close(fd);
	}
	return count;
}

ssize_t
fd_passing_receive(int socket, const struct iovec *parts, size_t part_count,
    struct passed_fds *fds, size_t max, int flags)
{
	union control control;
	struct msghdr message = {
	    .msg_iov = (struct iovec *)(uintptr_t)parts,
	    .msg_iovlen = part_count,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control),
	};
	size_t count = 0;
	ssize_t n;

	assert(max <= FD_PASSING_MAX);
	*fds = (struct passed_fds){0};
	n = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
	if (n == -1)
		return -1;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&message); h != NULL;
	     h = CMSG_NXTHDR(&message, h))
		if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS)
			count += take_rights(h, fds, max);
	if (count > max || (message.msg_flags & MSG_TRUNC) != 0)
		fds->error = EPROTO;
	else if ((message.msg_flags & MSG_CTRUNC) != 0)
		fds->error = EMFILE;
	if (fds->error != 0)
		fd_passing_close(fds);
	return n;
}

void
fd_passing_close(struct passed_fds *fds)
{
	while (fds->count > 0)
		close(fds->at[--fds->count]);
}
