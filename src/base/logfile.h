/*
 * logfile: the destination of a log: a file, a standard stream (which may be
 * connected to systemd's journal), or syslog.  Each line is one write, so that
 * the lines of several processes do not mix; so one that is longer than a pipe
 * takes at once (PIPE_BUF) is cut there.  If a line cannot be written, it is lost
 * and counted; one of the processes that share the log reports that, once.
 */
#ifndef TINED_BASE_LOGFILE_H
#define TINED_BASE_LOGFILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum logfile_kind {
	LOGFILE_OFF,
	LOGFILE_FILE,
	LOGFILE_SYSLOG,
};

/* In memory shared by all processes that are forked after logfile_open. */
struct logfile_trouble {
	atomic_bool now;	    /* lines are being lost */
	atomic_uint_least64_t lost; /* lines, since that began */
};

struct logfile {
	enum logfile_kind kind;
	int fd;		/* -1 if it is LOGFILE_OFF */
	bool may_block; /* a pipe, a socket or a terminal */
	bool is_socket;
	bool is_pipe;
	bool is_journal;
	char *path; /* absolute; NULL if there is nothing to reopen; owned */
	struct logfile_trouble *trouble;
};

enum logfile_event {
	LOGFILE_FINE,	/* written; or lost, as others before it */
	LOGFILE_BROKE,	/* the first line that is lost: errno says why */
	LOGFILE_HEALED, /* the first line that is written again */
};

/*
 * Opens "off", "syslog", "-" (standard_fd) or a file, for appending; it creates
 * the file with mode 0640.  Does not block: a FIFO must have a reader.  -1 with
 * errno.
 */
int logfile_open(struct logfile *f, const char *target, int standard_fd);
/*
 * Checks, as far as possible without opening it, that logfile_open can open the
 * target.  -1 with errno.
 */
int logfile_check(const char *target);
/* Explains errno after logfile_open or logfile_check has failed. */
const char *logfile_explain(const char *path);
/* True if systemd has connected the descriptor to its journal. */
bool logfile_is_journal(int fd);
/* True if the destination adds the time to each line: syslog, the journal. */
bool logfile_has_time(const struct logfile *f);
/* True for a path and for syslog, false for a standard stream. */
bool logfile_can_reopen(const struct logfile *f);
/*
 * Opens the path again, which may be another file by now, under the same
 * descriptor number; or reconnects to syslog.  On failure the old file stays
 * open: -1 with errno.
 */
int logfile_reopen(struct logfile *f);
/*
 * Replaces the open file by fd, under the same descriptor number.
 * Async-signal-safe.
 */
void logfile_take_over(struct logfile *f, int fd);
/*
 * Writes one line, which ends in a newline, with a priority of syslog(3).
 * Blocks for at most a second, and not at all while lines are being lost.
 * Async-signal-safe.
 */
enum logfile_event logfile_write(
    struct logfile *f, int priority, const char *line, size_t len);
/* Returns the number of lines that the last failure has lost. */
unsigned long long logfile_lost(const struct logfile *f);

#endif
