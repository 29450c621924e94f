/*
 * restart: decides how soon dead workers are replaced, and which of their
 * failures are logged.
 *
 * A flood of requests that crash workers must not become a flood of processes:
 * this limits the rate of replacements.  If workers die before they are ready,
 * only one at a time is started, and the log has the first failure in a row,
 * the second, the fourth and so on.
 */
#ifndef TINED_MASTER_RESTART_H
#define TINED_MASTER_RESTART_H

#include <stdbool.h>
#include <stdint.h>

/* The number of immediate replacements, and then the rate. */
#define RESTART_AT_ONCE 32
#define RESTART_PER_SECOND 50

/* All zeroes: nobody has been started yet. */
struct restart {
	int64_t not_before; /* no worker is started before then (clock.h) */
	int64_t paid_until; /* moves on by 1 / rate with each death */
	bool storm;	    /* there were too many deaths, and that is logged */
	unsigned failures;  /* workers in a row that were never ready */
	bool proven;	    /* one was ready, and none has failed since */
};

/* Called when a worker has died for any reason. */
void restart_note_death(struct restart *r, int64_t now);
/* Called when it was not ready yet; the next one may start then. */
void restart_note_failure(struct restart *r, int64_t until);
/* Called when a worker is ready. */
void restart_note_ready(struct restart *r);
/* True if the next failure is to be logged. */
bool restart_should_log(const struct restart *r);

#endif
