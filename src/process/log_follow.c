#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "os/signals.h"
#include "process/log_follow.h"

/* For the signal handler, which has no argument. */
static struct inherited *inherited;
static atomic_uint *acknowledged;

static int
reopen(struct logfile *f, const char *name)
{
	const char *target = f->path != NULL ? f->path : "syslog";

	if (logfile_reopen(f) == 0)
		return 0;
	log_error("cannot reopen the %s log %s: %s; lines go to the old one",
	    name, target, logfile_explain(target));
	return -1;
}

static int
descriptor(const struct logfile *f)
{
	return logfile_can_reopen(f) ? f->fd : -1;
}

int
log_follow_open(struct inherited *h)
{
	struct logfile *error_log = log_file();
	int result = reopen(error_log, "error");
	struct notice notice;

	if (reopen(&h->access_log, "access") == -1)
		result = -1;
	notice.number = ++h->logs;
	notice.fds[NOTICE_BOX_ACCESS_LOG] = descriptor(&h->access_log);
	notice.fds[NOTICE_BOX_ERROR_LOG] = descriptor(error_log);
	if (notice_box_post(&h->control, &notice) == 0)
		return result;
	log_error(
	    "cannot pass the logs to other processes: %s", strerror(errno));
	return -1;
}

static void
take_over(struct logfile *f, int fd)
{
	if (fd == -1)
		return;
	logfile_take_over(f, fd);
	close(fd);
}

static void
on_notice(int signo)
{
	struct notice notice;
	int saved = errno;

	(void)signo;
	if (notice_box_read(&inherited->control, &notice) == 0) {
		take_over(
		    &inherited->access_log, notice.fds[NOTICE_BOX_ACCESS_LOG]);
		take_over(log_file(), notice.fds[NOTICE_BOX_ERROR_LOG]);
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
