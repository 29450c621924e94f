/*
 * reopen: SIGUSR1, from the opening of the logs until the last child writes to
 * the new ones.
 */
#ifndef TINED_REOPEN_H
#define TINED_REOPEN_H

#include <stdbool.h>
#include <stdint.h>

#include "child.h"

/* All zeroes when there is nothing to do. */
struct reopen {
	bool pending; /* not all have switched */
	bool failed;  /* a log could not be opened */
	bool told;    /* who is late */
	int64_t began;
	int64_t pause;	/* before they are reminded once more */
	int64_t remind; /* clock_now(): then they are */
};

/* Also when it is under way: then all have to switch once more. */
void reopen_begin(struct reopen *r, const struct children *all);
/* Reminds who has not switched, now and then; says so when all have. */
void reopen_act(struct reopen *r, const struct children *all);
/* When to act again (clock.h). */
int64_t reopen_next(const struct reopen *r);

#endif
