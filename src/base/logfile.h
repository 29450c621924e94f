/*
 * logfile: where the lines of a log go: a file, a standard stream, which may be
 * systemd's journal, or syslog.  A line is one write, so that the lines of
 * several processes do not mix.  A log that cannot be written never stops
 * service: the line is lost and counted, and one process of all that share the
 * log says so, once.
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

/* In memory that all processes forked after logfile_open share. */
struct logfile_trouble {
	atomic_bool now;
	atomic_uint_least64_t lost; /* lines, in the present trouble */
};

struct logfile {
	enum logfile_kind kind;
	int fd;		/* -1 if it is LOGFILE_OFF */
	bool may_block; /* a pipe, a socket or a terminal */
	bool is_socket;
	bool is_journal;
	char *path; /* absolute; NULL if there is nothing to reopen; owned */
	struct logfile_trouble *trouble;
};

enum logfile_event {
	LOGFILE_FINE,	/* written, or lost in a trouble already told of */
	LOGFILE_BROKE,	/* the first line that was lost: errno says why */
	LOGFILE_HEALED, /* the first that was written again */
};

/*
 * Opens "off", "syslog", "-" (which is standard_fd) or a file, which is
 * appended to and made with mode 0640.  Waits for nobody: a FIFO must have a
 * reader.  -1 with errno.
 */
int logfile_open(struct logfile *f, const char *target, int standard_fd);
/* Words for errno, after a file of this name could not be opened. */
const char *logfile_explain(const char *path);
/* Is the descriptor the stream to the journal that systemd has opened? */
bool logfile_is_journal(int fd);
/* Does whoever gets the lines note their time: syslog, the journal? */
bool logfile_has_time(const struct logfile *f);
/* Is it a path or syslog, and no standard stream? */
bool logfile_can_reopen(const struct logfile *f);
/*
 * Opens the path again, which may be another file by now, and gives it the
 * place of the old one: the descriptor's number stays.  Syslog is connected to
 * anew.  -1 with errno, and the old one stays.
 */
int logfile_reopen(struct logfile *f);
/* Gives that place to a descriptor.  Safe in the handler of a signal. */
void logfile_take_over(struct logfile *f, int fd);
/*
 * One line with its newline; the priority is syslog(3)'s.  Async-signal-safe.
 * Waits for a second at most, and not at all while lines are being lost.
 */
enum logfile_event logfile_write(
    struct logfile *f, int priority, const char *line, size_t len);
/* Lines lost in the last trouble. */
unsigned long long logfile_lost(const struct logfile *f);

#endif
