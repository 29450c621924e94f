/*
 * restart: how soon, and how loudly, workers that died are replaced.
 *
 * Requests that crash cost a process each: the bound on how many is here; those
 * that are alive serve on meanwhile.  Where workers die before they are ready,
 * one goes ahead of the others, and of failures in a row the log has the first,
 * the second, the fourth and so on: the rest would say the same.
 */
#ifndef TINED_MASTER_RESTART_H
#define TINED_MASTER_RESTART_H

#include <stdbool.h>
#include <stdint.h>

/* So many are replaced at once, and then so many a second. */
#define RESTART_AT_ONCE 32
#define RESTART_PER_SECOND 50

/* All zeroes: nobody has been started yet. */
struct restart {
	int64_t not_before; /* deadline (clock.h): none is started until then */
	int64_t paid_until; /* when the deaths of late are made up for */
	bool storm;	    /* there were too many, and the log says so */
	unsigned failures;  /* in a row: workers that were never ready */
	bool proven; /* one was ready, none has failed since, some live */
};

/* A worker has died, of whatever. */
void restart_note_death(struct restart *r, int64_t now);
/* It was not ready yet; the next one may be tried then. */
void restart_note_failure(struct restart *r, int64_t until);
/* Some worker is ready. */
void restart_note_ready(struct restart *r);
/* Whether the next failure is to be logged. */
bool restart_should_log(const struct restart *r);

#endif
