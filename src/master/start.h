/*
 * start: the start of the server, until it serves: a worker and the lot have
 * started, and if it takes the place of another server (takeover.h), that has
 * given way.
 */
#ifndef TINED_MASTER_START_H
#define TINED_MASTER_START_H

#include <stdbool.h>
#include <stdint.h>

#include "master/children.h"

struct start {
	bool worker; /* one has started */
	bool ready;  /* the server serves */
	bool failed; /* no worker could be started */
	int64_t deadline;
	int64_t limit; /* deadline never exceeds it */
};

enum start_event {
	START_GOES_ON, /* or was over before */
	START_DONE,    /* the server is ready; told once */
	START_FAILED,  /* it gives up, and has logged why */
};

void start_begin(struct start *s, const struct config *c);
/* True if a worker, the first or a later one, has started since the last call. */
bool start_is_new(struct start *s, struct children *all);
/*
 * Call it in each iteration of the master's loop.  A start does not fail while
 * the server stops.
 */
enum start_event start_act(
    struct start *s, const struct children *all, bool stopping);
/* When to act again although nothing happens, besides the deadline (clock.h). */
int64_t start_next(const struct start *s);

#endif
