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
	char bytes[CMSG_SPACE(HANDOFF_DESCRIPTORS_MAX * sizeof(int))];
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

void
handoff_close_lane(struct handoff_lane *lane)
{
	if (lane->from != -1)
		close(lane->from);
	if (lane->to != -1)
		close(lane->to);
	lane->from = lane->to = -1;
}

static void
put_descriptors(struct msghdr *message, const int *fds, size_t count)
{
	struct cmsghdr *header = message->msg_control;

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(count * sizeof(fds[0]));
	memcpy(CMSG_DATA(header), fds, count * sizeof(fds[0]));
	message->msg_controllen = CMSG_SPACE(count * sizeof(fds[0]));
}

static void *
as_base(const void *bytes)
{
	return (void *)(uintptr_t)bytes;
}

int
handoff_send(const struct handoff_lane *lane, const struct handoff *h, int fd,
    const char *bytes, size_t len, const struct rest *rest)
{
	bool with_rest = h->kind == HANDOFF_SEND;
	struct iovec parts[] = {
	    {.iov_base = as_base(h), .iov_len = sizeof(*h)},
	    {.iov_base = as_base(bytes), .iov_len = len},
	    {.iov_base = as_base(rest),
		.iov_len = with_rest ? sizeof(*rest) : 0},
	};
	union control control = {0};
	struct msghdr message = {
	    .msg_iov = parts,
	    .msg_iovlen = sizeof(parts) / sizeof(parts[0]),
	    .msg_control = &control,
	};
	int fds[HANDOFF_DESCRIPTORS_MAX] = {fd};
	size_t count = 1;

	if (with_rest && rest->file != -1)
		fds[count++] = rest->file;
	if (with_rest && rest->spill != -1)
		fds[count++] = rest->spill;
	put_descriptors(&message, fds, count);
	return sendmsg(lane->to, &message, MSG_NOSIGNAL) == -1 ? -1 : 0;
}

bool
handoff_is_choked(int error)
{
	return error == ETOOMANYREFS || error == ENOBUFS || error == ENOMEM;
}

bool
handoff_is_waiting(const struct handoff_lane *lane)
{
	int bytes = 0;

	return ioctl(lane->from, SIOCINQ, &bytes) == 0 && bytes > 0;
}

/* How many there are; those that the kernel could not install are missing. */
static size_t
get_descriptors(struct msghdr *message, int fds[HANDOFF_DESCRIPTORS_MAX])
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	size_t size;

	if (header == NULL || header->cmsg_type != SCM_RIGHTS)
		return 0;
	size = header->cmsg_len - CMSG_LEN(0);
	memcpy(fds, CMSG_DATA(header), size);
	return size / sizeof(fds[0]);
}

static void
drop_descriptors(struct msghdr *message)
{
	int fds[HANDOFF_DESCRIPTORS_MAX];
	size_t count = get_descriptors(message, fds);

	while (count > 0)
		close(fds[--count]);
}

/* Whoever has taken over a worker must not so get at what the lot holds. */
static bool
is_sound(const struct handoff *h, size_t len)
{
	return (unsigned)h->kind <= HANDOFF_LATE &&
	    (h->kind != HANDOFF_SEND || len >= sizeof(struct rest));
}

/* All descriptors or none: -1 with errno. */
static int
take_descriptors(struct msghdr *message, struct rest *rest)
{
	int fds[HANDOFF_DESCRIPTORS_MAX];
	size_t count = get_descriptors(message, fds);
	bool with_file = rest != NULL && rest->file != -1;
	bool with_spill = rest != NULL && rest->spill != -1;

	if (count != 1u + with_file + with_spill) {
		while (count > 0)
			close(fds[--count]);
		errno = EMFILE;
		return -1;
	}
	if (with_file)
		rest->file = fds[1];
	if (with_spill)
		rest->spill = fds[count - 1];
	return fds[0];
}

int
handoff_receive(const struct handoff_lane *lane, struct handoff *h, char *bytes,
    size_t size, size_t *len, struct rest *rest)
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
	if (!is_sound(h, *len)) {
		drop_descriptors(&message);
		errno = EPROTO;
		return -1;
	}
	h->peer.name[sizeof(h->peer.name) - 1] = '\0';
	if (h->kind != HANDOFF_SEND)
		return take_descriptors(&message, NULL);
	*len -= sizeof(*rest);
	memcpy(rest, bytes + *len, sizeof(*rest));
	if (rest->count > REST_SEGMENTS_MAX || rest->first > rest->count)
		rest->first = rest->count = 0;
	return take_descriptors(&message, rest);
}
