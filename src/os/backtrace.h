/*
 * backtrace: where a process is: its call stack, in the error log.
 *
 *	#0 fault_segv+0x14 (/usr/sbin/tined+0x5a14)
 *
 * is a function's name, and what addr2line(1) takes: the file and the address
 * in it.  In the program each function has its name, unless it was stripped;
 * in a library and in a program that was, those that it exports.
 */
#ifndef TINED_OS_BACKTRACE_H
#define TINED_OS_BACKTRACE_H

/* Once, before backtrace_log, so that it needs no memory any more. */
void backtrace_prepare(void);
/*
 * From the handler of a signal, which got that context: logs the stack as it
 * was when the signal came, the innermost frame first.  Async-signal-safe, as
 * far as the unwinder is.
 */
void backtrace_log(const void *context);

#endif
