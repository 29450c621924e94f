/*
 * stop: how the server ends.  New clients are refused; those that the kernel
 * has greeted before are served.  The lot hands over what waits there, and then
 * the workers end when nobody waits to be accepted any more.
 */
#ifndef TINED_MASTER_STOP_H
#define TINED_MASTER_STOP_H

#include <stdbool.h>
#include <stdint.h>

#include "master/children.h"

/* All zeroes before it begins. */
struct stop {
	bool begun;
	bool cut_short; /* all are killed */
	bool leaving;	/* all clients of the lot go to a successor */
	bool refuses;	/* new clients, since it began, or the kernel forbids */
	bool workers_told;
	bool draining; /* they accept those who wait in the kernel */
	int64_t began; /* clock_now() */
	int64_t quiet_since;
	int64_t deadline; /* clock.h: --stop-timeout */
};

/* leaving: a successor has taken the place of this server. */
void stop_begin(struct stop *s, struct children *all, bool leaving);
/* Kills all, and logs what they were doing. */
void stop_cut_short(struct stop *s, struct children *all);
/* In each turn of the master's loop. */
void stop_act(struct stop *s, struct children *all);
/* When to act again (clock.h). */
int64_t stop_next(const struct stop *s);

#endif
