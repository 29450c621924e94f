#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <paths.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/iovec.h"
#include "base/logfile.h"
#include "base/memory.h"
#include "base/path.h"

#define LOGFILE_MODE 0640
/* How long a write may block before lines are lost. */
#define LOGFILE_PATIENCE CLOCK_SECOND
/* Size of the prefix of a line; size of two numbers with a colon between. */
#define LOGFILE_HEAD 64
#define LOGFILE_STREAM_NAME 48

static int
share_trouble(struct logfile *f)
{
	f->trouble = memory_share(sizeof(*f->trouble));
	return f->trouble != NULL ? 0 : -1;
}

/*
 * Opens the file again through /proc, to get an open file description of our
 * own: O_NONBLOCK on the inherited one would affect the processes that share
 * it.  This does not work for a socket, which does not need it: MSG_DONTWAIT.
 */
static int
reopen_non_blocking(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(
	    path, O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

/* Must not block on a FIFO without a reader. */
static int
open_path(const char *path)
{
	return open(path,
	    O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
	    LOGFILE_MODE);
}

/* systemd.exec(5): $JOURNAL_STREAM has the device and the inode. */
static bool
is_named_by_systemd(const struct stat *st)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char name[LOGFILE_STREAM_NAME];

	snprintf(name, sizeof(name), "%ju:%ju", (uintmax_t)st->st_dev,
	    (uintmax_t)st->st_ino);
	return stream != NULL && strcmp(stream, name) == 0;
}

bool
logfile_is_journal(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && is_named_by_systemd(&st);
}

static int
logfile_look_at(struct logfile *f, int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	f->is_socket = S_ISSOCK(st.st_mode);
	f->is_pipe = S_ISFIFO(st.st_mode);
	f->may_block = !S_ISREG(st.st_mode);
	f->is_journal = is_named_by_systemd(&st);
	return 0;
}

static int
open_standard(struct logfile *f, int fd)
{
	int own;

	if (fd == -1 || logfile_look_at(f, fd) == -1)
		return -1;
	f->fd = fd;
	if (f->may_block && !f->is_socket &&
	    (own = reopen_non_blocking(fd)) != -1)
		f->fd = own;
	return 0;
}

static int
open_file(struct logfile *f, const char *path)
{
	int saved;

	f->path = path_absolute(path);
	f->fd = open_path(f->path);
	if (f->fd != -1 && logfile_look_at(f, f->fd) == 0)
		return 0;
	saved = errno;
	free(f->path);
	f->path = NULL;
	errno = saved;
	return -1;
}

static int
syslog_socket(void)
{
	return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static const struct sockaddr_un syslog_address = {AF_UNIX, _PATH_LOG};

static int
connect_to_syslog(int fd)
{
	return connect(fd, (const struct sockaddr *)&syslog_address,
	    sizeof(syslog_address));
}

/* The syslog daemon may start later: logfile_may_try_again sends to its name. */
static int
open_syslog(struct logfile *f)
{
	f->kind = LOGFILE_SYSLOG;
	f->fd = syslog_socket();
	if (f->fd == -1)
		return -1;
	(void)connect_to_syslog(f->fd);
	return logfile_look_at(f, f->fd);
}

/* Any other target is the path of a file. */
static bool
is_named(const char *target)
{
	return strcmp(target, "-") == 0 || strcmp(target, "off") == 0 ||
	    strcmp(target, "syslog") == 0;
}

int
logfile_check(const char *target)
{
	return is_named(target) ? 0 : path_check_writable(target);
}

int
logfile_open(struct logfile *f, const char *target, int standard_fd)
{
	*f = (struct logfile){.kind = LOGFILE_OFF, .fd = -1};
	if (share_trouble(f) == -1)
		return -1;
	if (strcmp(target, "off") == 0)
		return 0;
	if (strcmp(target, "syslog") == 0)
		return open_syslog(f);
	f->kind = LOGFILE_FILE;
	return strcmp(target, "-") == 0 ? open_standard(f, standard_fd)
					: open_file(f, target);
}

const char *
logfile_explain(const char *path)
{
	int saved = errno;
	struct stat st;

	if (saved == ENXIO && stat(path, &st) == 0 && S_ISFIFO(st.st_mode))
		return "nobody reads this FIFO: start its reader first";
	return strerror(saved);
}

bool
logfile_has_time(const struct logfile *f)
{
	return f->kind == LOGFILE_SYSLOG || f->is_journal;
}

bool
logfile_can_reopen(const struct logfile *f)
{
	return f->path != NULL || f->kind == LOGFILE_SYSLOG;
}

void
logfile_take_over(struct logfile *f, int fd)
{
	if (f->fd != -1 && logfile_look_at(f, fd) == 0)
		(void)dup3(fd, f->fd, O_CLOEXEC);
}

static int
open_again(const struct logfile *f)
{
	int fd;

	if (f->kind == LOGFILE_FILE)
		return open_path(f->path);
	fd = syslog_socket();
	if (fd != -1 && connect_to_syslog(fd) == -1) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

int
logfile_reopen(struct logfile *f)
{
	int fd;

	if (!logfile_can_reopen(f))
		return 0;
	fd = open_again(f);
	if (fd == -1)
		return -1;
	logfile_take_over(f, fd);
	close(fd);
	return 0;
}

/* Without a deadline, a reader that sleeps would block every worker. */
static int
wait_for_room(const struct logfile *f, int64_t deadline)
{
	struct pollfd room = {.fd = f->fd, .events = POLLOUT};
	int ready;

	do { /* a signal must not lose a line */
		ready = poll(&room, 1, clock_milliseconds_until(deadline));
	} while (ready == -1 && errno == EINTR);
	if (ready == 0) {
		errno = EAGAIN;
		return -1;
	}
	return 0;
}

static ssize_t
logfile_send_parts(const struct logfile *f, struct iovec parts[2], bool by_name)
{
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

	if (by_name) {
		message.msg_name = (void *)(uintptr_t)&syslog_address;
		message.msg_namelen = sizeof(syslog_address);
	}
	return sendmsg(f->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Nearly all lines of a file have no first part. */
static ssize_t
logfile_write_parts(const struct logfile *f, struct iovec parts[2])
{
	return parts[0].iov_len > 0
	    ? writev(f->fd, parts, 2)
	    : write(f->fd, parts[1].iov_base, parts[1].iov_len);
}

/*
 * The daemon may have been restarted: then the line is sent to the process that
 * has the name now.  Workers may not connect.
 */
static bool
logfile_may_try_again(const struct logfile *f, int64_t deadline, bool *by_name)
{
	if (errno == EINTR)
		return true;
	if (errno == EAGAIN) {
		if (*by_name) /* wait_for_room waits for the other one */
			(void)poll(NULL, 0, 1);
		return f->may_block && clock_now() < deadline;
	}
	if (f->kind != LOGFILE_SYSLOG || *by_name)
		return false;
	*by_name = true;
	return true;
}

static int64_t
patience_ends(const struct logfile *f)
{
	if (!f->may_block)
		return 0;
	return clock_now() +
	    (atomic_load(&f->trouble->now) ? 0 : LOGFILE_PATIENCE);
}

/*
 * A line that was written in part is written to its end: the next one of any
 * process would follow it on the same line.
 */
static int
write_parts(struct logfile *f, struct iovec parts[2], int64_t deadline)
{
	const ssize_t len = (ssize_t)(parts[0].iov_len + parts[1].iov_len);
	bool by_name = false;
	ssize_t n;

	do {
		if (f->may_block && wait_for_room(f, deadline) == -1)
			return -1;
		n = f->is_socket ? logfile_send_parts(f, parts, by_name)
				 : logfile_write_parts(f, parts);
	} while (n == -1 && logfile_may_try_again(f, deadline, &by_name));
	if (n == len)
		return 0;
	/* After a partial write, only another write returns the reason. */
	if (n > 0) {
		iovec_skip(parts, 2, (size_t)n);
		return write_parts(f, parts, deadline);
	}
	if (n != -1)
		errno = f->may_block ? EAGAIN : ENOSPC;
	return -1;
}

/* The journal adds the time. */
static void
logfile_add_head(struct buffer *head, const struct logfile *f, int priority)
{
	if (!logfile_has_time(f))
		return;
	buffer_add_char(head, '<');
	buffer_add_number(
	    head, (uint64_t)(f->is_journal ? priority : LOG_DAEMON | priority));
	buffer_add_char(head, '>');
	if (f->is_journal)
		return;
	buffer_add_string(head, "tined[");
	buffer_add_number(head, (uint64_t)getpid());
	buffer_add_string(head, "]: ");
}

/* A pipe takes no more at once (pipe(7)): another process's line could be within. */
static int
write_first_part(struct logfile *f, const char *line)
{
	static char end[] = "...\n";
	struct iovec parts[2] = {
	    {(void *)(uintptr_t)line, PIPE_BUF - strlen(end)},
	    {end, strlen(end)},
	};

	return write_parts(f, parts, patience_ends(f));
}

/* A line for syslog has the form of syslog(3), without its newline. */
static int
logfile_write_line(
    struct logfile *f, int priority, const char *line, size_t len)
{
	char room[LOGFILE_HEAD];
	struct buffer head = {.data = room, .size = sizeof(room)};
	struct iovec parts[2];

	if (f->is_pipe && len > PIPE_BUF)
		return write_first_part(f, line);
	logfile_add_head(&head, f, priority);
	parts[0] = (struct iovec){head.data, head.len};
	parts[1] = (struct iovec){
	    (void *)(uintptr_t)line, f->kind == LOGFILE_SYSLOG ? len - 1 : len};
	return write_parts(f, parts, patience_ends(f));
}

enum logfile_event
logfile_write(struct logfile *f, int priority, const char *line, size_t len)
{
	if (f->kind == LOGFILE_OFF)
		return LOGFILE_FINE;
	if (logfile_write_line(f, priority, line, len) == 0) {
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

unsigned long long
logfile_lost(const struct logfile *f)
{
	return atomic_load(&f->trouble->lost);
}
