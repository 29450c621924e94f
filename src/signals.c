#include <stddef.h>

#include "signals.h"

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

void
signals_handle_quietly(const int *list, void (*handler)(int))
{
	set_all(list, handler, SA_RESTART);
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
