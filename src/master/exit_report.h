/*
 * exit_report: logs and counts the end of a worker, and describes the end of
 * any process.
 */
#ifndef TINED_MASTER_EXIT_REPORT_H
#define TINED_MASTER_EXIT_REPORT_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "process/inherited.h"
#include "shared/scoreboard_read.h"

struct exit_report {
	size_t slot;
	pid_t pid;
	int status;    /* of waitpid(2) */
	bool retiring; /* it is not replaced */
	/* The option by which the master has ended it, or NULL. */
	const char *timed_out;
	struct score_reading score;
};

/* Returns the event to count; SCORE_EVENTS for a normal end. */
enum score_event exit_report_event(const struct exit_report *o);
/* True unless it exited with status 0. */
bool exit_report_is_of_failure(const struct exit_report *o);
/*
 * Writes a line to the error log and, for a request that the worker did not
 * live to log, a line to the access log; and counts.  quietly: the end was
 * requested.
 */
void exit_report_publish(
    const struct exit_report *o, struct inherited *inherited, bool quietly);
/* Adds "was killed by signal 9 (Killed)", from a status of waitpid(2). */
void exit_report_add_cause(struct buffer *b, int status);
/* Adds "while running "GET / HTTP/1.1" for 127.0.0.1, 12 ms into it". */
void exit_report_describe(struct buffer *b, const struct score_reading *score);

#endif
