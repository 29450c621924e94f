/*
 * title: the process title of a worker, for ps(1): whom it serves.  Writing one
 * costs about as much as a small request, so a worker whose clients come and go
 * fast changes it TITLE_RATE times a second, and otherwise at once.  A change
 * that has to wait is made while the worker is idle, before its client's next
 * request, or before a long wait for the client.  So only a handler or a send
 * that blocks for long can leave the title of an earlier client in place; the
 * scoreboard always tells the present one.
 */
#ifndef TINED_CONNECTION_TITLE_H
#define TINED_CONNECTION_TITLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TITLE_RATE 4   /* changes a second */
#define TITLE_BURST 12 /* so many are made at once after a pause */

struct title {
	size_t worker;	    /* its number, from 1 */
	const char *client; /* whose name the title is to have; NULL: idle */
	bool waits;	    /* a handler waits (tined_wait) */
	bool shows_idle;
	bool shows_wait;
	bool due;      /* the title has to be changed */
	int64_t spent; /* clock_now(): until then the rate is used up */
};

/* Not owned: it must stay valid until the next call.  NULL: it is idle. */
void title_set(struct title *t, const char *client);
/* Whether the handler that serves the client waits, from now on. */
void title_wait(struct title *t, bool waits);
/* Makes a change that is due; unless at_once, only if the rate allows it. */
void title_settle(struct title *t, bool at_once);
/* Returns when a change that is due may be made; CLOCK_NEVER: none is due. */
int64_t title_due(const struct title *t);

#endif
