#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "handlers/cgi_program.h"
#include "unit.h"

static struct cgi_program program;
static char variable[] = "A=b";
static char *const environment[] = {variable, NULL};
static struct cgi_command command = {
    .path = "/usr/bin/env", .directory = "/", .environment = environment};

void
unit_set_up(void)
{
	cgi_program_init(&program);
	command.none = open("/dev/null", O_RDWR | O_CLOEXEC);
	ck_assert_int_gt(command.none, STDERR_FILENO);
}

void
unit_tear_down(void)
{
	cgi_program_free(&program);
	close(command.none);
}

/* What it writes to standard output. */
static struct text
output(void)
{
	static char bytes[4096];
	size_t len = 0;
	ssize_t n;

	while ((n = read(program.out, bytes + len, sizeof(bytes) - len)) > 0)
		len += (size_t)n;
	return (struct text){bytes, len};
}

TEST(a_program_is_run)
{
	int status;

	ck_assert_int_eq(cgi_program_start(&program, &command), 0);
	ck_assert_int_eq(getpgid(program.pid), program.pid);
	ck_assert_int_eq(program.in, -1);
	assert_text_eq(output(), "A=b\n");
	ck_assert(cgi_program_wait(&program, CLOCK_NEVER, &status));
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(program.pid, 0);
	ck_assert_int_eq(program.out, -1);
	ck_assert_int_eq(program.errs, -1);
	ck_assert_int_eq(program.end, -1);
}

TEST(one_that_cannot_be_run)
{
	static const struct {
		const char *path, *directory;
		int error;
	} cases[] = {
	    {"/none/at/all", "/", ENOENT},
	    {"/etc/passwd", "/", EACCES},
	    {"/usr/bin/env", "/none", ENOENT},
	};
	int before = dup(command.none), after;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		command.path = cases[i].path;
		command.directory = cases[i].directory;
		errno = 0;
		ck_assert_int_eq(cgi_program_start(&program, &command), -1);
		ck_assert_int_eq(errno, cases[i].error);
		ck_assert_int_eq(program.pid, 0);
	}
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	close(before);
	after = dup(command.none);
	ck_assert_int_eq(after, before); /* none is left open */
}

static void
on_signal(int signo)
{
	(void)signo;
}

/* It is waited for with a limit, and does not end by itself. */
TEST(one_that_hangs_is_killed)
{
	int status;
	pid_t pid;

	command.path = "/usr/bin/cat";
	command.has_input = true;
	ck_assert_int_eq(cgi_program_start(&program, &command), 0);
	ck_assert(!cgi_program_wait(
	    &program, clock_now() + 10 * CLOCK_MILLISECOND, &status));
	pid = program.pid;
	cgi_program_kill(&program);
	ck_assert_int_eq(program.pid, 0);
	ck_assert_int_eq(kill(-pid, 0), -1);
	cgi_program_kill(&program); /* there is none */
	cgi_program_kill_now(&program);
}

/* This process keeps its handlers and its mask, and the program has neither. */
TEST(signals_are_reset)
{
	sigset_t before, after;
	struct sigaction action;
	int status;

	signal(SIGTERM, on_signal);
	signal(SIGUSR1, SIG_IGN);
	sigprocmask(SIG_BLOCK, NULL, &before);
	sigaddset(&before, SIGTERM);
	sigprocmask(SIG_SETMASK, &before, NULL);
	command.path = "/usr/bin/cat";
	command.has_input = true;
	ck_assert_int_eq(cgi_program_start(&program, &command), 0);
	sigprocmask(SIG_BLOCK, NULL, &after);
	ck_assert(sigismember(&after, SIGTERM));
	ck_assert(!sigismember(&after, SIGINT));
	sigaction(SIGTERM, NULL, &action);
	ck_assert(action.sa_handler == on_signal);
	kill(program.pid, SIGUSR1);
	ck_assert(cgi_program_wait(&program, CLOCK_NEVER, &status));
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
}

TEST(its_input_does_not_block)
{
	static char much[1 << 20];
	ssize_t n;

	command.path = "/usr/bin/cat";
	command.has_input = true;
	ck_assert_int_eq(cgi_program_start(&program, &command), 0);
	do
		n = write(program.in, much, sizeof(much));
	while (n > 0);
	ck_assert_int_eq(errno, EAGAIN);
	cgi_program_kill(&program);
}
