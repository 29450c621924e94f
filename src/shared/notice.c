#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

#include "os/fd_passing.h"
#include "shared/notice.h"

/* What is sent; the descriptors come beside it, those that there are. */
struct letter {
	unsigned number;
	bool has[NOTICE_BOX_FDS];
};

_Static_assert(
    NOTICE_BOX_FDS <= FD_PASSING_MAX, "a message cannot bring all descriptors");

int
notice_box_open(struct notice_box *c)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
		0, ends) == -1)
		return -1;
	*c = (struct notice_box){.from = ends[0], .to = ends[1]};
	/* Nobody reads what a child might send back. */
	(void)shutdown(c->from, SHUT_WR);
	(void)shutdown(c->to, SHUT_RD);
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
spread(const struct letter *letter, struct passed_fds *fds, struct notice *n)
{
	size_t wanted = 0;

	n->number = letter->number;
	for (int i = 0; i < NOTICE_BOX_FDS; i++) {
		n->fds[i] = letter->has[i] ? fds->at[wanted] : -1;
		wanted += letter->has[i];
	}
	if (wanted == fds->count)
		return 0;
	fd_passing_close(fds);
	errno = EPROTO;
	return -1;
}

static int
receive(const struct notice_box *c, struct notice *n, int flags)
{
	struct letter letter = {0};
	struct iovec part = {.iov_base = &letter, .iov_len = sizeof(letter)};
	struct passed_fds fds;
	ssize_t len = fd_passing_receive(
	    c->from, &part, 1, &fds, NOTICE_BOX_FDS, flags | MSG_DONTWAIT);

	if (len == (ssize_t)sizeof(letter) && fds.error == 0)
		return spread(&letter, &fds, n);
	if (len != -1)
		errno = fds.error == EMFILE ? EMFILE : EPIPE;
	fd_passing_close(&fds);
	return -1;
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
	struct notice old;
	int fds[NOTICE_BOX_FDS];
	size_t count = gather(n, &letter, fds);

	while (receive(c, &old, 0) == 0)
		close_all(&old);
	return fd_passing_send(c->to, &part, 1, fds, count, MSG_DONTWAIT) == -1
	    ? -1
	    : 0;
}
