/*
 * log: the error log.  One line an event: when, who, how grave, and words that
 * a person can act on.  Whatever a client sent is escaped here (escape.h).
 * Until log_open the lines go to standard error.  errno is kept.
 *
 *	2026-11-23T18:41:22.123Z worker 3[124] error: words
 *
 * Syslog and systemd's journal get the level as a priority, and no time.
 */
#ifndef TINED_BASE_LOG_H
#define TINED_BASE_LOG_H

#include <stdbool.h>

#include "base/text.h"

/* Bytes of a line from the handler of a signal. */
#define LOG_DYING_MAX 400

enum log_level {
	LOG_LEVEL_ERROR,   /* something is broken: act */
	LOG_LEVEL_WARNING, /* something may break: look */
	LOG_LEVEL_NOTICE,  /* what an operator did, or wants to know */
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* FILE, "-" for standard_fd, or "syslog"; -1 with errno. */
int log_open(const char *target, int standard_fd);
/* Where the lines go: to be reopened (logfile.h). */
struct logfile *log_file(void);
/* Lines of a higher level are not written. */
void log_set_level(enum log_level level);
/* Whether nothing is written for now. */
void log_mute(bool muted);
/* "master" until set; the name is copied. */
void log_set_role(const char *role);

/* An error, from the handler of a signal: async-signal-safe. */
void log_dying(struct text words);
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
