/*
 * log_reopen: SIGUSR1, from the opening of the logs until the last child writes
 * to the new ones.
 */
#ifndef TINED_MASTER_LOG_REOPEN_H
#define TINED_MASTER_LOG_REOPEN_H

#include <stdbool.h>
#include <stdint.h>

#include "master/children.h"

/* All zeroes when there is nothing to do. */
struct log_reopen {
	bool pending; /* not all have switched */
	bool failed;  /* a log could not be opened */
	bool logged;  /* who is late */
	int64_t began;
	int64_t pause;	/* before they are reminded once more */
	int64_t remind; /* clock_now(): then they are */
};

/* Also when it is under way: then all have to switch once more. */
void log_reopen_begin(struct log_reopen *r, const struct children *all);
/* Reminds who has not switched, now and then; says so when all have. */
void log_reopen_act(struct log_reopen *r, const struct children *all);
/* When to act again (clock.h). */
int64_t log_reopen_next(const struct log_reopen *r);

#endif
