/*
 * sd_status: sends the status of the server to the service manager in one line,
 * every few seconds while it changes.  An idle server is not woken up for it:
 * the first worker that has work again wakes the master (scoreboard_wake).
 */
#ifndef TINED_MASTER_SD_STATUS_H
#define TINED_MASTER_SD_STATUS_H

#include "process/inherited.h"

#define SD_STATUS_TIME (2 * CLOCK_SECOND)

struct sd_status {
	int64_t next; /* deadline (clock.h) */
	int64_t looked;
	uint64_t served; /* requests until then */
	struct buffer last;
};

/* Called when the server is ready.  Without NOTIFY_SOCKET nothing is sent. */
void sd_status_begin(struct sd_status *b);
/* Call it whenever something has happened.  size is "8 workers". */
void sd_status_act(
    struct sd_status *b, const struct inherited *h, const char *size);
void sd_status_free(struct sd_status *b);

#endif
