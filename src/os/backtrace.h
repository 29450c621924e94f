/*
 * backtrace: where a process is: its call stack, in the error log.
 *
 *	#0 file_serve+0x14 (/usr/sbin/tined+0x5a14)
 *
 * has in parentheses what addr2line(1) takes: the file and the address in it.
 * The name in front is there if the function is one that the file exports: in
 * the program, all but the static ones.
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
