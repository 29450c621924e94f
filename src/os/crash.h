/*
 * crash: the handler of fatal signals.  It runs an emergency function, logs the
 * call stack, and dies by the same signal, so that the master sees it and the
 * kernel writes a core if the limits allow one.
 */
#ifndef TINED_OS_CRASH_H
#define TINED_OS_CRASH_H

/*
 * Installs the handler in the master and in processes that it forks later.  -1
 * with errno if the alternate signal stack cannot be allocated.
 */
int crash_prepare(void);
/* Sets the emergency function, which is async-signal-safe; NULL: none. */
void crash_set_emergency(void (*respond)(void));
/*
 * Sets a function, async-signal-safe, that writes lines of text about what the
 * process was doing; NULL: none.
 */
void crash_set_description(void (*describe)(int fd));
/* Called in a signal handler: logs what that function writes. */
void crash_log_description(void);
/*
 * Called in a signal handler: dies by that signal.
 */
_Noreturn void crash_die(int signo);
/* A broken process may hang while it ends. */
#define CRASH_LAST_SECONDS 3

/* Limits the remaining life of the process to CRASH_LAST_SECONDS. */
void crash_limit_life(void);

#endif
