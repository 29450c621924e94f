#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/daemon.h"
#include "os/signals.h"

/* The pipe to the parent while it waits, or -1. */
static int parent = -1;

/* A byte means success; the end of the pipe means that the child has died. */
static _Noreturn void
wait_for_child(int from)
{
	char byte;
	ssize_t n;

	do {
		n = read(from, &byte, 1);
	} while (n == -1 && errno == EINTR);
	if (n != 1)
		warnx("the server ended before it was ready: its error log "
		      "says why");
	_exit(n == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

int
daemon_start(void)
{
	int pipe_ends[2];
	pid_t pid;

	if (pipe2(pipe_ends, O_CLOEXEC) == -1)
		return -1;
	pid = fork();
	if (pid == -1)
		return -1;
	if (pid > 0) {
		signals_admit_stop();
		close(pipe_ends[1]);
		wait_for_child(pipe_ends[0]);
	}
	close(pipe_ends[0]);
	parent = pipe_ends[1];
	return setsid() == -1 ? -1 : 0;
}

/* No parent waits for this process. */
void
daemon_go_on(void)
{
	parent = open("/dev/null", O_WRONLY | O_CLOEXEC);
}

/* The caller may wait until standard output is closed. */
static void
let_go(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null != -1) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		close(null);
	}
	(void)!chdir("/");
}

void
daemon_ready(void)
{
	if (parent == -1)
		return;
	let_go();
	(void)!write(parent, "", 1);
	close(parent);
	parent = -1;
}

void
daemon_leave(void)
{
	if (parent == -1)
		return;
	let_go();
	close(parent);
	parent = -1;
}
