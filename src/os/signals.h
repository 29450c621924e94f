/*
 * signals: sets up signal handlers.  A handler sets a flag named for its
 * intent, and the event loop that owns the flag acts on it.  Signals interrupt
 * system calls, so that a loop sees its flags soon.
 */
#ifndef TINED_OS_SIGNALS_H
#define TINED_OS_SIGNALS_H

#include <sys/types.h>

#include <signal.h>
#include <stdbool.h>

/*
 * Signals from the master to its children.  They are real-time signals, because
 * these queue: a signal from another process cannot replace one of the
 * master's.
 */
#define SIGNAL_STOP (SIGRTMIN + 1)	/* the lot and the status process end */
#define SIGNAL_LET_GO (SIGRTMIN + 2)	/* close the listening sockets */
#define SIGNAL_TIMED_OUT (SIGRTMIN + 3) /* --request-timeout has passed */
#define SIGNAL_LOGS (SIGRTMIN + 4) /* the logs are reopened: log_follow.h */
#define SIGNAL_MOVE (SIGRTMIN + 5) /* send all to the successor's lot */
#define SIGNAL_STAY (SIGRTMIN + 6) /* the successor's lot has ended */
/* From the kernel: the master has ended (PR_SET_PDEATHSIG). */
#define SIGNAL_ORPHANED SIGRTMIN

/* Installs a handler for all signals in a list.  All lists here end in 0. */
void signals_handle(const int *list, void (*handler)(int));
/*
 * The same for a handler that sets no flag: interrupted system calls are
 * restarted.  Ignores signals that the process sender did not send.
 */
void signals_handle_quietly(
    const int *list, void (*handler)(int), pid_t sender);
/*
 * Runs the handler on the stack of sigaltstack(2), after a stack overflow, say.
 */
void signals_handle_on_own_stack(
    const int *list, void (*handler)(int, siginfo_t *, void *));
/* As signals_handle, but ignores signals that sender did not send. */
void signals_handle_from(const int *list, void (*handler)(int), pid_t sender);
/*
 * True if that process sent the signal, and not the kernel or, as far as is
 * known, another process: see RLIMIT_SIGPENDING in signals.c.
 */
bool signals_is_from(const siginfo_t *info, pid_t sender);
void signals_ignore(const int *list);
/*
 * Ignores every signal without a handler that would end this process, except
 * those that are meant to end it, those that the kernel sends to a process that
 * has crashed or exceeded a limit (SIGSYS, SIGTRAP, SIGXCPU, ...), and those by
 * which a terminal stops it temporarily.
 */
void signals_ignore_others(void);
/* In a child of the master: ignores signals that only the master acts on. */
void signals_leave_to_master(void);
/* Blocks the signals above, for a child that has no handlers yet. */
void signals_block_internal(void);
/*
 * Leaves SIGTERM and SIGINT pending, until the event loop of the master waits
 * for them; or, in a process that does not become the master, until
 * signals_admit_stop.
 */
void signals_defer_stop(void);
void signals_admit_stop(void);
/* Before exec: restores the signal handling that a shell gives a program. */
void signals_restore(void);
void signals_default(const int *list);
/* Blocks signals; *before gets the previous mask, for ppoll. */
void signals_block(const int *list, sigset_t *before);
void signals_set_mask(const sigset_t *mask);
/* True if the signal has been sent to this process, which blocks it. */
bool signals_is_pending(int signo);

#endif
