#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "handlers/cgi_program.h"
#include "os/file_limit.h"
#include "os/signals.h"

/* Enough for the functions of the child, also with sanitizers. */
#define STACK_SIZE (64 << 10)
#define FAILED 127 /* the status of a shell that cannot run a program */
/* How long it has to end by itself. */
#define PATIENCE (1000 * CLOCK_MILLISECOND)

enum { READ_END, WRITE_END, ENDS };

/* What parent and child share: the child runs in the parent's memory. */
struct start {
	const struct cgi_command *command;
	pid_t parent;
	int in, out, errs; /* the child's ends */
	int error;	   /* errno of the child */
};

void
cgi_program_init(struct cgi_program *p)
{
	*p = (struct cgi_program){
	    .end = -1,
	    .in = -1,
	    .out = -1,
	    .errs = -1,
	    .stack = memory_get(STACK_SIZE),
	};
}

void
cgi_program_free(struct cgi_program *p)
{
	free(p->stack);
}

void
cgi_program_close(int *end)
{
	if (*end != -1)
		close(*end);
	*end = -1;
}

/*
 * In the child, in which all signals are blocked until no handler of the parent
 * is left.  The parent has put no descriptor of the start below 3.
 */
static int
become_program(struct start *s)
{
	const struct cgi_command *c = s->command;
	char *argv[] = {(char *)(uintptr_t)c->path, NULL};

	if (setpgid(0, 0) == -1 || prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 ||
	    dup2(s->in, STDIN_FILENO) == -1 ||
	    dup2(s->out, STDOUT_FILENO) == -1 ||
	    dup2(s->errs, STDERR_FILENO) == -1 ||
	    close_range(STDERR_FILENO + 1, UINT_MAX, 0) == -1 ||
	    chdir(c->directory) == -1)
		return errno;
	if (getppid() != s->parent) /* it has died before PR_SET_PDEATHSIG */
		return ESRCH;
	file_limit_restore();
	signals_restore();
	execve(c->path, argv, c->environment);
	return errno;
}

static int
run_child(void *argument)
{
	struct start *s = argument;

	s->error = become_program(s);
	return FAILED;
}

/*
 * As vfork(2), but with a stack of its own for the child, which so changes
 * nothing that the parent's function has on its stack.
 */
static int
cgi_program_spawn(struct cgi_program *p, struct start *s)
{
	const int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD;
	sigset_t all, before;
	int pidfd = -1;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	pid = clone(run_child, (char *)p->stack + STACK_SIZE, flags, s, &pidfd);
	if (pid == -1)
		s->error = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid == -1)
		return -1;
	p->pid = pid;
	p->end = pidfd;
	return s->error == 0 ? 0 : -1;
}

static int
open_streams(struct cgi_program *p, struct start *s)
{
	int in[ENDS] = {-1, -1}, out[ENDS] = {-1, -1}, errs[ENDS] = {-1, -1};
	int result = 0;

	if ((s->command->has_input && pipe2(in, O_CLOEXEC) == -1) ||
	    pipe2(out, O_CLOEXEC) == -1 || pipe2(errs, O_CLOEXEC) == -1)
		result = -1;
	s->in = in[READ_END];
	s->out = out[WRITE_END];
	s->errs = errs[WRITE_END];
	p->in = in[WRITE_END];
	p->out = out[READ_END];
	p->errs = errs[READ_END];
	if (result == 0 && p->in != -1)
		result = fcntl(p->in, F_SETFL, O_NONBLOCK);
	return result;
}

static void
close_ours(struct cgi_program *p)
{
	cgi_program_close(&p->in);
	cgi_program_close(&p->out);
	cgi_program_close(&p->errs);
}

/* When it has ended. */
static void
reap(struct cgi_program *p, int *status)
{
	while (waitpid(p->pid, status, 0) == -1 && errno == EINTR)
		continue;
	p->pid = 0;
	cgi_program_close(&p->end);
	close_ours(p);
}

int
cgi_program_start(struct cgi_program *p, const struct cgi_command *c)
{
	struct start s = {.command = c, .parent = getpid()};
	int result = open_streams(p, &s), saved = errno, ignored;

	if (result == 0) {
		int input = s.in;

		if (!c->has_input)
			s.in = c->none;
		result = cgi_program_spawn(p, &s);
		saved = s.error;
		s.in = input;
	}
	cgi_program_close(&s.in);
	cgi_program_close(&s.out);
	cgi_program_close(&s.errs);
	if (result == 0)
		return 0;
	if (p->pid != 0)
		reap(p, &ignored);
	close_ours(p);
	errno = saved;
	return -1;
}

/* True if it has ended: it is not reaped yet, so that its number is its own. */
static bool
cgi_program_has_ended(const struct cgi_program *p, int64_t deadline)
{
	struct pollfd end = {.fd = p->end, .events = POLLIN};
	int n;

	do {
		struct timespec left = clock_until(deadline);

		n = ppoll(&end, 1, &left, NULL);
	} while (n == -1 && errno == EINTR);
	return n == 1;
}

bool
cgi_program_wait(struct cgi_program *p, int64_t deadline, int *status)
{
	*status = 0;
	if (!cgi_program_has_ended(p, deadline))
		return false;
	reap(p, status);
	return true;
}

void
cgi_program_kill(struct cgi_program *p)
{
	int ignored;

	if (p->pid == 0)
		return;
	close_ours(p);
	kill(-p->pid, SIGTERM);
	(void)cgi_program_has_ended(p, clock_now() + PATIENCE);
	cgi_program_kill_now(p);
	reap(p, &ignored);
}

void
cgi_program_kill_now(const struct cgi_program *p)
{
	if (p->pid != 0)
		kill(-p->pid, SIGKILL);
}
