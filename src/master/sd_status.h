/*
 * sd_status: tells the service manager in one line what the server does, every
 * few seconds while it changes.  It sleeps with the server: when nothing has
 * happened for a while nobody wakes, and the first worker that has work again
 * wakes the master (scoreboard_wake).
 */
#ifndef TINED_MASTER_SD_STATUS_H
#define TINED_MASTER_SD_STATUS_H

#include "process/inherited.h"

#define SD_STATUS_TIME (2 * CLOCK_SECOND)

struct sd_status {
	int64_t next; /* deadline (clock.h) */
	int64_t looked;
	uint64_t served; /* requests, by then */
	struct buffer last;
};

/* When the server is ready.  It tells nothing if nobody wants to know. */
void sd_status_begin(struct sd_status *b);
/* size is "8 workers".  Whenever something has happened. */
void sd_status_act(
    struct sd_status *b, const struct inherited *h, const char *size);
void sd_status_free(struct sd_status *b);

#endif
