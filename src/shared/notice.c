#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "shared/notice.h"

/* What is sent; the descriptors come beside it, those that there are. */
struct letter {
	unsigned number;
	bool has[NOTICE_BOX_FDS];
};

union control_bytes {
	struct cmsghdr header; /* for its alignment */
	char bytes[CMSG_SPACE(NOTICE_BOX_FDS * sizeof(int))];
};

int
notice_box_open(struct notice_box *c)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
		0, ends) == -1)
		return -1;
	*c = (struct notice_box){.from = ends[0], .to = ends[1]};
	return 0;
}

static void
close_all(const struct notice *n)
{
	for (int i = 0; i < NOTICE_BOX_FDS; i++)
		if (n->fds[i] != -1)
			close(n->fds[i]);
}

/* Into the places that they have in the notice. */
static int
spread(
    const struct letter *letter, const int *fds, size_t count, struct notice *n)
{
	size_t taken = 0;
	size_t wanted = 0;

	n->number = letter->number;
	for (int i = 0; i < NOTICE_BOX_FDS; i++) {
		wanted += letter->has[i];
		n->fds[i] = letter->has[i] && taken < count ? fds[taken++] : -1;
	}
	if (taken == wanted)
		return 0;
	close_all(n);
	errno = EMFILE;
	return -1;
}

static int
receive(const struct notice_box *c, struct notice *n, int flags)
{
	struct letter letter = {0};
	struct iovec part = {.iov_base = &letter, .iov_len = sizeof(letter)};
	union control_bytes control;
	struct msghdr message = {
	    .msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control),
	};
	ssize_t len =
	    recvmsg(c->from, &message, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int fds[NOTICE_BOX_FDS];
	size_t size = 0;

	if (len != (ssize_t)sizeof(letter)) {
		errno = len == -1 ? errno : EPIPE;
		return -1;
	}
	if (header != NULL && header->cmsg_type == SCM_RIGHTS) {
		size = header->cmsg_len - CMSG_LEN(0);
		memcpy(fds, CMSG_DATA(header), size);
	}
	return spread(&letter, fds, size / sizeof(int), n);
}

/* The kernel gives each reader descriptors of its own. */
int
notice_box_read(const struct notice_box *c, struct notice *n)
{
	return receive(c, n, MSG_PEEK);
}

/* Sets the descriptors beside the message, and returns how many there are. */
static size_t
gather(const struct notice *n, struct letter *letter, int *fds)
{
	size_t count = 0;

	*letter = (struct letter){.number = n->number};
	for (int i = 0; i < NOTICE_BOX_FDS; i++) {
		letter->has[i] = n->fds[i] != -1;
		if (letter->has[i])
			fds[count++] = n->fds[i];
	}
	return count;
}

int
notice_box_post(const struct notice_box *c, const struct notice *n)
{
	struct letter letter = {0};
	struct iovec part = {.iov_base = &letter, .iov_len = sizeof(letter)};
	union control_bytes control = {0};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	struct notice old;
	int fds[NOTICE_BOX_FDS];
	size_t size = gather(n, &letter, fds) * sizeof(int);

	while (receive(c, &old, 0) == 0)
		close_all(&old);
	if (size > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(size);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(&control.header), fds, size);
	}
	return sendmsg(c->to, &message, MSG_NOSIGNAL) == -1 ? -1 : 0;
}
