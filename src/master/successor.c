#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/successor.h"
#include "os/fd_passing.h"

/*
 * How long the process in between may take to fork; if it takes longer, it
 * hangs.
 */
#define FORK_SECONDS 5

/*
 * Sent by the process in between: first which process it has started, and later
 * how that process ended.
 */
struct report {
	pid_t pid;  /* -1: none was started */
	int number; /* an errno, or a status of waitpid(2) */
};

static int
open_process(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* Passes a descriptor, unless it is -1. */
static void
send_report(int line, const struct report *r, int fd)
{
	struct report copy = *r;
	struct iovec part = {.iov_base = &copy, .iov_len = sizeof(copy)};

	(void)!fd_passing_send(line, &part, 1, &fd, fd != -1, 0);
}

/* Returns the descriptor that came with the report, or -1 with errno. */
static int
receive_report(int line, struct report *r)
{
	struct iovec part = {.iov_base = r, .iov_len = sizeof(*r)};
	struct passed_fds fds;
	ssize_t n = fd_passing_receive(line, &part, 1, &fds, 1, 0);

	if (n == (ssize_t)sizeof(*r) && fds.count == 1)
		return fds.at[0];
	fd_passing_close(&fds);
	if (n == (ssize_t)sizeof(*r))
		errno = fds.error != 0 ? fds.error : r->number;
	else if (n != -1)
		errno = EPIPE;
	return -1;
}

/*
 * Closes all descriptors but the line: this process may outlive the server, and
 * must not keep its listeners open.
 */
static _Noreturn void
wait_for_end(int line, pid_t pid)
{
	struct report end = {.pid = pid};

	if (dup2(line, STDERR_FILENO + 1) != -1)
		line = STDERR_FILENO + 1;
	closefrom(line + 1);
	setproctitle("upgrade [%d]", (int)pid);
	while (waitpid(pid, &end.number, 0) == -1 && errno == EINTR)
		continue;
	send_report(line, &end, -1);
	_exit(EXIT_SUCCESS);
}

/* The master that has started this process may have ended, or given up. */
static void
wait_for_go(int line)
{
	char word;

	if (recv(line, &word, 1, 0) != 1)
		_exit(EXIT_FAILURE);
}

static _Noreturn void
run_intermediate(int line, pid_t master,
    void (*run)(const struct successor_ends *ends, void *arg),
    const struct successor_ends *ends, void *arg)
{
	struct report start = {0};
	int fd = -1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != master)
		_exit(EXIT_FAILURE);
	start.pid = fork();
	if (start.pid == 0) {
		wait_for_go(line);
		run(ends, arg);
	}
	if (start.pid != -1)
		fd = open_process(start.pid);
	start.number = errno;
	send_report(line, &start, fd);
	if (fd == -1)
		_exit(EXIT_FAILURE);
	wait_for_end(line, start.pid);
}

static void
close_if(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static void
close_all(struct successor *s)
{
	close_if(&s->process);
	close_if(&s->line);
	close_if(&s->talk);
	close_if(&s->errors);
}

static void
end_intermediate(struct successor *s)
{
	if (s->intermediate == 0)
		return;
	kill(s->intermediate, SIGKILL);
	while (waitpid(s->intermediate, NULL, 0) == -1 && errno == EINTR)
		continue;
	s->intermediate = 0;
}

static int
receive_start(struct successor *s)
{
	static const char go = 'G';
	const struct timeval patience = {.tv_sec = FORK_SECONDS};
	struct report r = {0};

	setsockopt(
	    s->line, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	s->process = receive_report(s->line, &r);
	if (s->process == -1)
		return -1;
	s->pid = r.pid;
	return send(s->line, &go, 1, MSG_NOSIGNAL) == -1 ? -1 : 0;
}

/* Stores the master's ends in *s; the other ends are for the new processes. */
static int
open_ends(struct successor *s, struct successor_ends *ends, int *line)
{
	int lines[2], talks[2], errors[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, lines) == -1)
		return -1;
	s->line = lines[0];
	*line = lines[1];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, talks) == -1)
		return -1;
	s->talk = talks[0];
	ends->talk = talks[1];
	if (pipe2(errors, O_CLOEXEC | O_NONBLOCK) == -1)
		return -1;
	s->errors = errors[0];
	ends->errors = errors[1];
	return 0;
}

/* The new processes must not keep the master's ends open. */
static int
start_intermediate(struct successor *s, const struct successor_ends *ends,
    int line, void (*run)(const struct successor_ends *ends, void *arg),
    void *arg)
{
	pid_t master = getpid();

	s->intermediate = fork();
	if (s->intermediate == 0) {
		close_all(s);
		run_intermediate(line, master, run, ends, arg);
	}
	if (s->intermediate != -1)
		return 0;
	s->intermediate = 0;
	return -1;
}

int
successor_start(struct successor *s,
    void (*run)(const struct successor_ends *ends, void *arg), void *arg)
{
	struct successor_ends ends = {.talk = -1, .errors = -1};
	int line = -1, result, saved;

	*s = (struct successor){
	    .process = -1, .line = -1, .talk = -1, .errors = -1};
	result = open_ends(s, &ends, &line);
	if (result == 0)
		result = start_intermediate(s, &ends, line, run, arg);
	saved = errno;
	close_if(&line);
	close_if(&ends.talk);
	close_if(&ends.errors);
	if (result == 0) {
		result = receive_start(s);
		saved = errno;
	}
	if (result == -1) {
		end_intermediate(s);
		successor_forget(s);
	}
	errno = saved;
	return result;
}

static bool
successor_has_ended(const struct successor *s)
{
	struct pollfd asked = {.fd = s->process, .events = POLLIN};

	return poll(&asked, 1, 0) == 1;
}

/*
 * Returns 1 if the report has come, 0 if none will come, or -1 if not yet.  If
 * the successor was killed before it read its go, a connection reset precedes
 * the report.
 */
static int
successor_receive_end(int line, struct report *end)
{
	ssize_t n;

	do {
		n = recv(line, end, sizeof(*end), MSG_DONTWAIT);
	} while (n == -1 && (errno == EINTR || errno == ECONNRESET));
	if (n == (ssize_t)sizeof(*end))
		return 1;
	return n == -1 && errno == EAGAIN ? -1 : 0;
}

void
successor_look(struct successor *s)
{
	struct report end = {.number = SUCCESSOR_STATUS_UNKNOWN};
	int result = 0;

	if (s->pid == 0 || s->ended)
		return;
	if (s->line != -1)
		result = successor_receive_end(s->line, &end);
	if (result == 1 || (result == 0 && successor_has_ended(s))) {
		s->ended = true;
		s->status = end.number;
	}
}

int
successor_poll(const struct successor *s)
{
	return s->pid == 0 || s->ended ? -1 : s->process;
}

void
successor_signal(const struct successor *s, int signo)
{
	if (s->pid != 0)
		(void)syscall(
		    SYS_pidfd_send_signal, s->process, signo, NULL, 0);
}

void
successor_release(struct successor *s)
{
	end_intermediate(s);
	close_if(&s->line);
}

void
successor_hang_up(struct successor *s)
{
	close_if(&s->talk);
	close_if(&s->errors);
}

void
successor_note_reaped(struct successor *s, pid_t pid)
{
	if (s->intermediate == pid)
		s->intermediate = 0;
}

void
successor_leave(const struct successor *s)
{
	struct successor copy = *s;

	if (copy.pid != 0)
		close_all(&copy);
}

void
successor_forget(struct successor *s)
{
	close_all(s);
	*s = (struct successor){0};
}
