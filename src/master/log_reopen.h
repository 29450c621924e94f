/*
 * log_reopen: SIGUSR1: reopens the logs, and waits until all children write to
 * the new ones.
 */
#ifndef TINED_MASTER_LOG_REOPEN_H
#define TINED_MASTER_LOG_REOPEN_H

#include <stdbool.h>
#include <stdint.h>

#include "master/children.h"

/* All zeroes when there is nothing to do. */
struct log_reopen {
	bool pending; /* not all children have switched */
	bool failed;  /* a log could not be opened */
	bool logged;  /* the children that are late */
	int64_t began;
	int64_t pause;	/* until the next reminder, nanoseconds */
	int64_t remind; /* the time of the next reminder (clock.h) */
};

/* Begins, or begins again: then all children have to switch once more. */
void log_reopen_begin(struct log_reopen *r, const struct children *all);
/* Reminds children that have not switched; logs when all have. */
void log_reopen_act(struct log_reopen *r, const struct children *all);
/* When to act again (clock.h). */
int64_t log_reopen_next(const struct log_reopen *r);

#endif
