/*
 * exit_report: what the logs and the counters say of a worker that has ended,
 * and how any process did.
 */
#ifndef TINED_MASTER_EXIT_REPORT_H
#define TINED_MASTER_EXIT_REPORT_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "process/inherited.h"

struct exit_report {
	size_t slot;
	pid_t pid;
	int status;	/* waitpid's */
	bool retiring;	/* nobody takes its place */
	bool timed_out; /* the master has ended it: --request-timeout */
	bool late;	/* the same: --start-timeout */
	struct score_reading score;
};

/* What it counts as; SCORE_EVENTS: nothing, it ended in peace. */
enum score_event exit_report_event(const struct exit_report *o);
/* Whether it ended otherwise than by itself and in peace. */
bool exit_report_is_of_failure(const struct exit_report *o);
/*
 * A line in the error log; one in the access log for the request that it did
 * not live to log; and the counters.  quietly: its end was asked for.
 */
void exit_report_publish(
    const struct exit_report *o, struct inherited *inherited, bool quietly);
/* "was killed by signal 9 (Killed)", by what waitpid(2) says. */
void exit_report_add_cause(struct buffer *b, int status);
/* "while running "GET / HTTP/1.1" for 127.0.0.1, 12 ms into it" */
void exit_report_describe(struct buffer *b, const struct score_reading *score);

#endif
