/*
 * signals: how signals are set up.  A handler sets a flag named for its
 * intent; the loop that the flag belongs to acts on it.  System calls are not
 * restarted, so that a loop sees its flags soon.
 */
#ifndef TINED_OS_SIGNALS_H
#define TINED_OS_SIGNALS_H

#include <sys/types.h>

#include <signal.h>
#include <stdbool.h>

/*
 * From the master to its children.  They are real-time signals, because these
 * queue: a signal that somebody sends to every process of the server cannot
 * take the place of one of the master's.
 */
#define SIGNAL_STOP (SIGRTMIN + 1)	/* the lot and the status process end */
#define SIGNAL_LET_GO (SIGRTMIN + 2)	/* nobody waits to be accepted */
#define SIGNAL_TIMED_OUT (SIGRTMIN + 3) /* the worker may hang */
#define SIGNAL_LOGS (SIGRTMIN + 4) /* the logs are reopened: log_follow.h */
#define SIGNAL_MOVE (SIGRTMIN + 5) /* the lot sends all to a successor's */
#define SIGNAL_STAY (SIGRTMIN + 6) /* the successor's lot is gone */
/* From the kernel: the master is gone (PR_SET_PDEATHSIG). */
#define SIGNAL_ORPHANED SIGRTMIN

/* The lists end with 0. */
void signals_handle(const int *list, void (*handler)(int));
/*
 * The same, for a handler that sets no flag, so that what it interrupts goes
 * on, and for signals that are ignored unless that process sent them.
 */
void signals_handle_quietly(
    const int *list, void (*handler)(int), pid_t sender);
/* On the stack of sigaltstack(2), for when the other one is full or broken. */
void signals_handle_on_own_stack(
    const int *list, void (*handler)(int, siginfo_t *, void *));
/* The same, for signals that are ignored unless this process sent them. */
void signals_handle_from(const int *list, void (*handler)(int), pid_t sender);
/*
 * Whether that process sent it, and not the kernel, nor another process as far
 * as is known: see RLIMIT_SIGPENDING in signals.c.
 */
bool signals_is_from(const siginfo_t *info, pid_t sender);
void signals_ignore(const int *list);
/*
 * Ignores every signal that has no handler and would end this process, but for
 * those that ask it to end, those that the kernel sends to a process that is
 * broken or has used up its time (SIGSYS, SIGTRAP, SIGXCPU, ...), and those of
 * a terminal that only stop it for a while.
 */
void signals_ignore_others(void);
/* In a child of the master: ignores what only the master acts on. */
void signals_leave_to_master(void);
/* Blocks the signals above, for a child that has no handlers yet. */
void signals_block_internal(void);
/* For a program that is to be run: as a shell starts it. */
void signals_restore(void);
void signals_default(const int *list);
/* Blocks them; the mask from before is what ppoll needs to let them in. */
void signals_block(const int *list, sigset_t *before);
void signals_set_mask(const sigset_t *mask);

#endif
