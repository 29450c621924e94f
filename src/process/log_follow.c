#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include "base/log.h"
#include "os/fd_passing.h"
#include "os/signals.h"
#include "process/log_follow.h"

#define LOGS 2 /* the access log, and the error log */

/* The message; the descriptors of the logs that have one come beside it. */
struct notice {
	unsigned number;
	bool has[LOGS];
};

/* For the signal handler, which has no argument. */
static struct inherited *inherited;
static atomic_uint *acknowledged;

static struct logfile *
log_at(struct inherited *h, int i)
{
	return i == 0 ? &h->access_log : log_file();
}

int
log_follow_init(struct log_notices *n)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
		0, ends) == -1)
		return -1;
	*n = (struct log_notices){.from = ends[0], .to = ends[1]};
	/*
	 * Children cannot send anything back, because nobody would receive it.
	 */
	(void)shutdown(n->from, SHUT_WR);
	(void)shutdown(n->to, SHUT_RD);
	return 0;
}

static int
log_follow_reopen(struct logfile *f, const char *name)
{
	const char *target = f->path != NULL ? f->path : "syslog";

	if (logfile_reopen(f) == 0)
		return 0;
	log_error("cannot reopen the %s log %s: %s; lines go to the old one",
	    name, target, logfile_explain(target));
	return -1;
}

static bool
log_follow_receive(const struct log_notices *n, struct notice *notice,
    struct passed_fds *fds, int flags)
{
	struct iovec part = {.iov_base = notice, .iov_len = sizeof(*notice)};
	ssize_t len = fd_passing_receive(
	    n->from, &part, 1, fds, LOGS, flags | MSG_DONTWAIT);

	if (len == -1)
		return false;
	if (len == (ssize_t)sizeof(*notice) &&
	    fds->count == (size_t)notice->has[0] + notice->has[1])
		return true;
	fd_passing_close(fds);
	return false;
}

/* Replaces the message that is there. */
static int
log_follow_post(struct inherited *h)
{
	struct notice notice = {.number = h->logs}, old;
	struct iovec part = {.iov_base = &notice, .iov_len = sizeof(notice)};
	struct passed_fds old_fds;
	int fds[LOGS];
	size_t count = 0;

	for (int i = 0; i < LOGS; i++) {
		notice.has[i] = logfile_can_reopen(log_at(h, i));
		if (notice.has[i])
			fds[count++] = log_at(h, i)->fd;
	}
	while (log_follow_receive(&h->log_notices, &old, &old_fds, 0))
		fd_passing_close(&old_fds);
	return fd_passing_send(
		   h->log_notices.to, &part, 1, fds, count, MSG_DONTWAIT) == -1
	    ? -1
	    : 0;
}

int
log_follow_open(struct inherited *h)
{
	int result = log_follow_reopen(log_file(), "error");

	if (log_follow_reopen(&h->access_log, "access") == -1)
		result = -1;
	h->logs++;
	if (log_follow_post(h) == 0)
		return result;
	log_error(
	    "cannot pass the logs to other processes: %s", strerror(errno));
	return -1;
}

void
log_follow_post_again(struct inherited *h)
{
	char byte;

	if (recv(h->log_notices.from, &byte, sizeof(byte),
		MSG_PEEK | MSG_DONTWAIT) == -1 &&
	    errno == EAGAIN)
		(void)log_follow_post(h);
}

/*
 * The message stays for the others: MSG_PEEK gives each reader descriptors of
 * its own.  If they cannot be had, the master's next reminder tries again.
 */
static void
on_notice(int signo)
{
	struct notice notice;
	struct passed_fds fds;
	int saved = errno;

	(void)signo;
	if (log_follow_receive(
		&inherited->log_notices, &notice, &fds, MSG_PEEK)) {
		for (int i = 0, next = 0; i < LOGS; i++)
			if (notice.has[i])
				logfile_take_over(
				    log_at(inherited, i), fds.at[next++]);
		fd_passing_close(&fds);
		atomic_store(acknowledged, notice.number);
	}
	errno = saved;
}

void
log_follow_follow(struct inherited *h, atomic_uint *seen, pid_t master)
{
	const int notices[] = {SIGNAL_LOGS, 0};

	inherited = h;
	acknowledged = seen;
	signals_handle_quietly(notices, on_notice, master);
}
