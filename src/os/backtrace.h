/*
 * backtrace: writes the call stack of this process to the error log.
 *
 *	#0 file_serve+0x14 (/usr/sbin/tined+0x5a14)
 *
 * The parentheses contain the file and the address for addr2line(1).  The name
 * before them is missing if the program was stripped of its table of symbols, and
 * for a function that a library does not export.
 */
#ifndef TINED_OS_BACKTRACE_H
#define TINED_OS_BACKTRACE_H

/* Call this once before backtrace_log, which then allocates no memory. */
void backtrace_prepare(void);
/*
 * Called in a signal handler, with its context argument: logs the stack at the
 * time of the signal, innermost frame first.  Async-signal-safe, as far as the
 * unwinder is.
 */
void backtrace_log(const void *context);

#endif
