#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <linux/sockios.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "handoff.h"

/* A lane holds a few messages of the largest kind; the kernel doubles it. */
#define LANE_BUFFER (1 << 20)

union control {
	struct cmsghdr header; /* for its alignment */
	char bytes[CMSG_SPACE(sizeof(int))];
};

int
handoff_open_lane(struct handoff_lane *lane)
{
	const int size = LANE_BUFFER;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
		0, ends) == -1)
		return -1;
	*lane = (struct handoff_lane){.from = ends[0], .to = ends[1]};
	/* Without the privilege it is as large as the kernel likes. */
	(void)setsockopt(
	    lane->to, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return 0;
}

int
handoff_send(const struct handoff_lane *lane, const struct handoff *h, int fd,
    const char *bytes, size_t len)
{
	struct iovec parts[2] = {
	    {.iov_base = (void *)(uintptr_t)h, .iov_len = sizeof(*h)},
	    {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len},
	};
	union control control = {0};
	struct msghdr message = {
	    .msg_iov = parts,
	    .msg_iovlen = len > 0 ? 2 : 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return sendmsg(lane->to, &message, MSG_NOSIGNAL) == -1 ? -1 : 0;
}

bool
handoff_is_waiting(const struct handoff_lane *lane)
{
	int bytes = 0;

	return ioctl(lane->from, SIOCINQ, &bytes) == 0 && bytes > 0;
}

static int
take_descriptor(struct msghdr *message)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	int fd;

	if (header == NULL || header->cmsg_type != SCM_RIGHTS) {
		errno = EMFILE; /* the kernel could not install it */
		return -1;
	}
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

int
handoff_receive(const struct handoff_lane *lane, struct handoff *h, char *bytes,
    size_t size, size_t *len)
{
	struct iovec parts[2] = {
	    {.iov_base = h, .iov_len = sizeof(*h)},
	    {.iov_base = bytes, .iov_len = size},
	};
	union control control;
	struct msghdr message = {
	    .msg_iov = parts,
	    .msg_iovlen = 2,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(lane->from, &message, MSG_CMSG_CLOEXEC);

	if (n == -1)
		return -1;
	if ((size_t)n < sizeof(*h)) {
		errno = EPIPE; /* the other end is gone */
		return -1;
	}
	*len = (size_t)n - sizeof(*h);
	return take_descriptor(&message);
}
