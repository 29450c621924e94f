/*
 * stop: stops the server gracefully.  The kernel refuses new clients; clients
 * that it has let in before are served.  The lot hands over all requests that
 * wait, and the workers end when no client waits to be accepted any more.
 */
#ifndef TINED_MASTER_STOP_H
#define TINED_MASTER_STOP_H

#include <stdbool.h>
#include <stdint.h>

#include "master/children.h"

/* All zeroes before it begins. */
struct stop {
	bool begun;
	bool cut_short; /* all children were killed */
	bool leaving;	/* the lot's connections go to the successor */
	bool refuses;	/* new clients are refused, or that has failed */
	bool replaced;	/* a worker was started in place of the last one */
	bool workers_told;
	bool draining; /* workers accept clients in the kernel's queues */
	int64_t began; /* clock_now() */
	int64_t quiet_since;
	int64_t deadline; /* clock.h: --stop-timeout */
};

/* leaving: a successor serves now. */
void stop_begin(struct stop *s, struct children *all, bool leaving);
/* Kills all children, and logs what they were doing. */
void stop_cut_short(struct stop *s, struct children *all);
/* Call it in each iteration of the master's loop. */
void stop_act(struct stop *s, struct children *all);
/* When to act again (clock.h). */
int64_t stop_next(const struct stop *s);

#endif
