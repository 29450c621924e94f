/*
 * bulletin: tells the service manager in one line what the server does, every
 * few seconds while it changes.  It sleeps with the server: when nothing has
 * happened for a while nobody wakes, and the first worker that has work again
 * wakes the master (scoreboard_wake).
 */
#ifndef TINED_BULLETIN_H
#define TINED_BULLETIN_H

#include "heritage.h"

#define BULLETIN_TIME (2 * CLOCK_SECOND)

struct bulletin {
	int64_t next; /* deadline (clock.h) */
	int64_t looked;
	uint64_t served; /* requests, by then */
	struct buffer told;
};

/* When the server is ready.  It tells nothing if nobody wants to know. */
void bulletin_begin(struct bulletin *b);
/* size is "8 workers".  Whenever something has happened. */
void bulletin_act(
    struct bulletin *b, const struct heritage *h, const char *size);
void bulletin_free(struct bulletin *b);

#endif
