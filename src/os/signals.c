#include <stddef.h>

#include "os/signals.h"

/* For signals that are accepted only from one process. */
static struct {
	void (*handler)(int);
	pid_t sender;
} trusted[NSIG];

static void
set_all(const int *list, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	sigfillset(&action.sa_mask); /* handlers never interrupt each other */
	for (; *list != 0; list++)
		sigaction(*list, &action, NULL);
}

void
signals_handle(const int *list, void (*handler)(int))
{
	set_all(list, handler, 0);
}

/*
 * If the limit on queued signals (RLIMIT_SIGPENDING) is reached, the kernel
 * delivers a signal of kill(2) without its sender.  An order from the master
 * must not be lost then, so such a signal is accepted.
 */
bool
signals_is_from(const siginfo_t *info, pid_t sender)
{
	return info->si_code == SI_USER &&
	    (info->si_pid == sender || info->si_pid == 0);
}

static void
on_trusted(int signo, siginfo_t *info, void *context)
{
	(void)context;
	if (signals_is_from(info, trusted[signo].sender))
		trusted[signo].handler(signo);
}

static void
set_trusted(const int *list, void (*handler)(int), pid_t sender, int flags)
{
	struct sigaction action = {
	    .sa_sigaction = on_trusted,
	    .sa_flags = SA_SIGINFO | flags,
	};

	sigfillset(&action.sa_mask);
	for (; *list != 0; list++) {
		trusted[*list].handler = handler;
		trusted[*list].sender = sender;
		sigaction(*list, &action, NULL);
	}
}

void
signals_handle_from(const int *list, void (*handler)(int), pid_t sender)
{
	set_trusted(list, handler, sender, 0);
}

void
signals_handle_quietly(const int *list, void (*handler)(int), pid_t sender)
{
	set_trusted(list, handler, sender, SA_RESTART);
}

void
signals_handle_on_own_stack(
    const int *list, void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction action = {
	    .sa_sigaction = handler,
	    .sa_flags = SA_SIGINFO | SA_ONSTACK,
	};

	sigfillset(&action.sa_mask);
	for (; *list != 0; list++)
		sigaction(*list, &action, NULL);
}

void
signals_ignore(const int *list)
{
	set_all(list, SIG_IGN, 0);
}

static bool
keeps_default(int signo)
{
	static const int list[] = {SIGTERM, SIGINT, SIGQUIT, SIGABRT, SIGBUS,
	    SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP, SIGXCPU, SIGTSTP, SIGTTIN,
	    SIGTTOU, SIGCONT, SIGCHLD, SIGKILL, SIGSTOP, 0};

	for (const int *s = list; *s != 0; s++)
		if (*s == signo)
			return true;
	return false;
}

void
signals_ignore_others(void)
{
	struct sigaction action;

	for (int signo = 1; signo < NSIG; signo++) {
		const int one[] = {signo, 0};

		if (!keeps_default(signo) &&
		    sigaction(signo, NULL, &action) == 0 &&
		    action.sa_handler == SIG_DFL)
			signals_ignore(one);
	}
}

void
signals_leave_to_master(void)
{
	static const int of_the_master[] = {
	    SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGTTIN, SIGTTOU, 0};
	static const int plain[] = {SIGCHLD, 0};

	signals_ignore(of_the_master);
	signals_default(plain);
}

void
signals_block_internal(void)
{
	const int internal[] = {SIGNAL_ORPHANED, SIGNAL_STOP, SIGNAL_LET_GO,
	    SIGNAL_TIMED_OUT, SIGNAL_LOGS, SIGNAL_MOVE, SIGNAL_STAY, 0};

	signals_block(internal, NULL);
}

static const int stops[] = {SIGTERM, SIGINT, 0};

void
signals_defer_stop(void)
{
	signals_block(stops, NULL);
}

void
signals_admit_stop(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (const int *s = stops; *s != 0; s++)
		sigaddset(&set, *s);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void
signals_restore(void)
{
	sigset_t none;

	for (int signo = 1; signo < NSIG; signo++) {
		const int one[] = {signo, 0};

		signals_default(one);
	}
	sigemptyset(&none);
	signals_set_mask(&none);
}

void
signals_default(const int *list)
{
	set_all(list, SIG_DFL, 0);
}

void
signals_block(const int *list, sigset_t *before)
{
	sigset_t set;

	sigemptyset(&set);
	for (; *list != 0; list++)
		sigaddset(&set, *list);
	sigprocmask(SIG_BLOCK, &set, before);
}

void
signals_set_mask(const sigset_t *mask)
{
	sigprocmask(SIG_SETMASK, mask, NULL);
}

bool
signals_is_pending(int signo)
{
	sigset_t pending;

	sigemptyset(&pending);
	sigpending(&pending);
	return sigismember(&pending, signo) == 1;
}
