/*
 * log: the error log.  One line per event: time, process, level, and a message
 * that an operator can act on.  Control characters in the message are escaped
 * (escape.h).  Before log_open, lines go to standard error.  All functions
 * preserve errno.
 *
 *	2026-11-23T18:41:22.123Z worker 3[124] error: words
 *
 * Lines for syslog and systemd's journal have the level as their priority, and
 * no time.
 */
#ifndef TINED_BASE_LOG_H
#define TINED_BASE_LOG_H

#include <stdbool.h>

#include "base/text.h"

/* The largest line that log_dying writes, in bytes. */
#define LOG_DYING_MAX 400

enum log_level {
	LOG_LEVEL_ERROR,   /* something has failed: the operator must act */
	LOG_LEVEL_WARNING, /* something may fail soon */
	LOG_LEVEL_NOTICE,  /* effects of an operator's actions; main events */
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* Opens a file, "-" for standard_fd, or "syslog".  -1 with errno. */
int log_open(const char *target, int standard_fd);
/* Returns the log's destination, so that others can reopen it (logfile.h). */
struct logfile *log_file(void);
/* Lines beyond this level are not written. */
void log_set_level(enum log_level level);
/* While muted, nothing is written. */
void log_mute(bool muted);
/* Sets the name of this process; the initial one is "master".  Copied. */
void log_set_role(const char *role);

/* Logs an error from a signal handler: async-signal-safe. */
void log_dying(struct text words);
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
