#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "master/successor.h"
#include "unit.h"

#define SOME_STATUS 7

static struct successor s;

void
unit_tear_down(void)
{
	if (s.pid == 0)
		return;
	successor_signal(&s, SIGKILL);
	successor_release(&s);
	successor_forget(&s);
}

/* Says who its parent is, each time that it is asked. */
static void
tell_parent(const struct successor_ends *ends, void *arg)
{
	char word;

	(void)arg;
	while (recv(ends->talk, &word, 1, 0) == 1) {
		pid_t parent = getppid();

		(void)!send(ends->talk, &parent, sizeof(parent), 0);
	}
	_exit(SOME_STATUS);
}

static pid_t
ask_parent(void)
{
	pid_t parent = 0;

	ck_assert_int_eq(send(s.talk, "?", 1, MSG_NOSIGNAL), 1);
	ck_assert_int_eq(
	    recv(s.talk, &parent, sizeof(parent), 0), (int)sizeof(parent));
	return parent;
}

static void
wait_for_end(void)
{
	struct pollfd asked = {.fd = successor_poll(&s), .events = POLLIN};

	ck_assert_int_eq(poll(&asked, 1, -1), 1);
	while (!s.ended)
		successor_look(&s);
	ck_assert_int_eq(successor_poll(&s), -1);
}

TEST(its_status_is_told_while_it_is_not_released)
{
	ck_assert_int_eq(successor_start(&s, tell_parent, NULL), 0);
	ck_assert_int_eq(ask_parent(), s.intermediate);
	successor_look(&s);
	ck_assert(!s.ended);
	successor_hang_up(&s);
	wait_for_end();
	ck_assert(WIFEXITED(s.status));
	ck_assert_int_eq(WEXITSTATUS(s.status), SOME_STATUS);
}

TEST(a_signal_is_told_too)
{
	ck_assert_int_eq(successor_start(&s, tell_parent, NULL), 0);
	successor_signal(&s, SIGKILL);
	wait_for_end();
	ck_assert(WIFSIGNALED(s.status));
	ck_assert_int_eq(WTERMSIG(s.status), SIGKILL);
	successor_signal(&s, SIGTERM); /* nobody is there */
}

/* This process is the service manager here. */
TEST(one_that_is_released_is_a_child_of_the_reaper)
{
	int status;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	ck_assert_int_eq(successor_start(&s, tell_parent, NULL), 0);
	successor_release(&s);
	ck_assert_int_eq(ask_parent(), getpid());
	successor_look(&s);
	ck_assert(!s.ended);
	successor_hang_up(&s);
	ck_assert_int_eq(waitpid(s.pid, &status, 0), s.pid);
	ck_assert_int_eq(WEXITSTATUS(status), SOME_STATUS);
	wait_for_end();
	ck_assert_int_eq(s.status, SUCCESSOR_STATUS_UNKNOWN);
	successor_signal(&s, SIGKILL); /* nobody is there */
}

/* As when the kernel ran out of memory. */
TEST(the_intermediate_process_may_end_first)
{
	pid_t intermediate;

	ck_assert_int_eq(successor_start(&s, tell_parent, NULL), 0);
	intermediate = s.intermediate;
	kill(intermediate, SIGKILL);
	ck_assert_int_eq(waitpid(intermediate, NULL, 0), intermediate);
	successor_note_reaped(&s, intermediate);
	ck_assert_int_eq(s.intermediate, 0);
	ck_assert_int_ne(ask_parent(), intermediate);
	successor_look(&s);
	ck_assert(!s.ended);
	successor_hang_up(&s);
	wait_for_end();
	ck_assert_int_eq(s.status, SUCCESSOR_STATUS_UNKNOWN);
}

/* A worker that is forked meanwhile must not keep them open. */
TEST(a_child_leaves_its_lines)
{
	int status;
	pid_t child;

	ck_assert_int_eq(successor_start(&s, tell_parent, NULL), 0);
	child = fork();
	if (child == 0) {
		successor_leave(&s);
		_exit(send(s.talk, "?", 1, MSG_NOSIGNAL) == -1 &&
			    send(s.line, "?", 1, MSG_NOSIGNAL) == -1 &&
			    close(s.process) == -1 && close(s.errors) == -1
			? 0
			: 1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(ask_parent(), s.intermediate);
}

TEST(none_is_nothing)
{
	static struct successor none;

	successor_look(&none);
	successor_signal(&none, SIGKILL);
	successor_leave(&none);
	ck_assert(!none.ended);
	ck_assert_int_eq(successor_poll(&none), -1);
}

int
main(int argc, char **argv, char **envp)
{
	setproctitle_init(argc, argv, envp);
	return unit_run();
}
