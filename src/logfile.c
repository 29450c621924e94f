#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "buffer.h"
#include "logfile.h"
#include "memory.h"
#include "path.h"

#define LOGFILE_MODE 0640
/* How long a reader of a pipe may keep us waiting before lines are lost. */
#define LOGFILE_PATIENCE_MS 1000
#define LOGFILE_SYSLOG_HEAD 64

static int
share_trouble(struct logfile *f)
{
	f->trouble = memory_share(sizeof(*f->trouble));
	return f->trouble != NULL ? 0 : -1;
}

/*
 * An open description of our own, as O_NONBLOCK on the one that was inherited
 * would be a surprise to whoever shares it.  A socket has none, nor needs it.
 */
static int
reopen_non_blocking(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(
	    path, O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

static int
open_path(const char *path, int more)
{
	return open(path,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | more,
	    LOGFILE_MODE);
}

static int
look_at(struct logfile *f, int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	f->is_socket = S_ISSOCK(st.st_mode);
	f->may_block = !S_ISREG(st.st_mode);
	return 0;
}

static int
open_file(struct logfile *f, const char *target, int standard_fd)
{
	int own;

	f->kind = LOGFILE_FILE;
	if (strcmp(target, "-") == 0) {
		f->fd = standard_fd;
	} else {
		f->path = path_absolute(target);
		f->fd = open_path(f->path, 0);
	}
	if (f->fd == -1 || look_at(f, f->fd) == -1) {
		int saved = errno;

		free(f->path);
		f->path = NULL;
		errno = saved;
		return -1;
	}
	if (f->may_block && !f->is_socket &&
	    (own = reopen_non_blocking(f->fd)) != -1)
		f->fd = own;
	return 0;
}

/* syslog(3) may not be called from the handler of a signal. */
static void
connect_syslog(struct logfile *f)
{
	const struct sockaddr_un address = {AF_UNIX, _PATH_LOG};

	openlog("tined", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	if (f->syslog != -1)
		close(f->syslog);
	f->syslog = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (f->syslog != -1)
		(void)connect(f->syslog, (const struct sockaddr *)&address,
		    sizeof(address));
}

int
logfile_open(struct logfile *f, const char *target, int standard_fd)
{
	*f = (struct logfile){.kind = LOGFILE_OFF, .fd = -1, .syslog = -1};
	if (share_trouble(f) == -1)
		return -1;
	if (strcmp(target, "off") == 0)
		return 0;
	if (strcmp(target, "syslog") == 0) {
		f->kind = LOGFILE_SYSLOG;
		connect_syslog(f);
		return 0;
	}
	return open_file(f, target, standard_fd);
}

void
logfile_take_over(struct logfile *f, int fd)
{
	if (f->fd != -1 && look_at(f, fd) == 0)
		(void)dup3(fd, f->fd, O_CLOEXEC);
}

/* A FIFO without a reader must not keep us waiting, now that we serve. */
int
logfile_reopen(struct logfile *f)
{
	int fd;

	if (f->kind == LOGFILE_SYSLOG) {
		closelog();
		connect_syslog(f);
	}
	if (f->path == NULL)
		return 0;
	fd = open_path(f->path, O_NONBLOCK);
	if (fd == -1)
		return -1;
	logfile_take_over(f, fd);
	close(fd);
	return 0;
}

/* A pipe whose reader sleeps would put every worker to sleep with it. */
static int
wait_for_room(struct logfile *f)
{
	struct pollfd room = {.fd = f->fd, .events = POLLOUT};
	int patience = atomic_load(&f->trouble->now) ? 0 : LOGFILE_PATIENCE_MS;
	int ready;

	do { /* a signal is no reason to lose a line */
		ready = poll(&room, 1, patience);
	} while (ready == -1 && errno == EINTR);
	if (ready == 0) {
		errno = EAGAIN;
		return -1;
	}
	return 0;
}

static int
write_line(struct logfile *f, const char *line, size_t len)
{
	ssize_t n;

	if (f->may_block && wait_for_room(f) == -1)
		return -1;
	do {
		n = f->is_socket
		    ? send(f->fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL)
		    : write(f->fd, line, len);
	} while (n == -1 && errno == EINTR);
	if (n != -1 && (size_t)n < len)
		errno = f->may_block ? EAGAIN : ENOSPC;
	return n == (ssize_t)len ? 0 : -1;
}

enum logfile_event
logfile_write(struct logfile *f, int priority, const char *line, size_t len)
{
	if (f->kind == LOGFILE_OFF)
		return LOGFILE_FINE;
	if (f->kind == LOGFILE_SYSLOG) {
		syslog(priority, "%.*s", (int)len, line);
		return LOGFILE_FINE;
	}
	if (write_line(f, line, len) == 0) {
		if (!atomic_load_explicit(
			&f->trouble->now, memory_order_relaxed))
			return LOGFILE_FINE;
		return atomic_exchange(&f->trouble->now, false) ? LOGFILE_HEALED
								: LOGFILE_FINE;
	}
	if (atomic_exchange(&f->trouble->now, true)) {
		atomic_fetch_add(&f->trouble->lost, 1);
		return LOGFILE_FINE;
	}
	atomic_store(&f->trouble->lost, 1);
	return LOGFILE_BROKE;
}

/* As syslog(3) would send it. */
static void
send_to_syslog(const struct logfile *f, int priority, struct text line)
{
	char room[LOGFILE_SYSLOG_HEAD];
	struct buffer head = {.data = room, .size = sizeof(room)};
	struct iovec parts[2];
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

	buffer_add_char(&head, '<');
	buffer_add_number(&head, (uint64_t)(LOG_DAEMON | priority));
	buffer_add_string(&head, ">tined[");
	buffer_add_number(&head, (uint64_t)getpid());
	buffer_add_string(&head, "]: ");
	parts[0] = (struct iovec){head.data, head.len};
	parts[1] = (struct iovec){(void *)(uintptr_t)line.at, line.len};
	(void)sendmsg(f->syslog, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void
logfile_write_dying(
    struct logfile *f, int priority, const char *line, size_t len)
{
	if (f->kind == LOGFILE_SYSLOG)
		send_to_syslog(f, priority, (struct text){line, len});
	else
		(void)logfile_write(f, priority, line, len);
}

unsigned long long
logfile_lost(const struct logfile *f)
{
	return atomic_load(&f->trouble->lost);
}
