/*
 * crash: what a process does when it breaks: it saves what can be saved, says
 * in the error log where it broke, and dies by the same signal, so that the
 * master knows, and a core is left if the limits allow one.
 */
#ifndef TINED_OS_CRASH_H
#define TINED_OS_CRASH_H

/*
 * Once, in the master; processes forked later have it too.  -1 with errno:
 * there is no stack to handle the overflow of the other on.
 */
int crash_prepare(void);
/* What is to be saved, in an async-signal-safe way; NULL: nothing. */
void crash_set_emergency(void (*rescue)(void));
/*
 * From the handler of a signal: dies by it, without a core where the signal
 * leaves none.  It does not return.
 */
_Noreturn void crash_die(int signo);
/* From then on the process has at most so long to live. */
void crash_limit_life(void);

#endif
