/*
 * opener: opens what a reload opens again, in a process of its own.  A file
 * system may stand still (a dead NFS server, FUSE), and hold up whoever asks
 * it; that process is then given up, and killed when it can be.
 */
#ifndef TINED_MASTER_OPENER_H
#define TINED_MASTER_OPENER_H

#include <stdbool.h>
#include <stdint.h>

#include "process/inherited.h"

/* Whatever stands still for so long is given up. */
#define OPENER_PATIENCE (5 * CLOCK_SECOND)

struct opener {
	int process; /* pidfd_open(2) */
	int line;    /* from it */
	int64_t deadline;
	struct site_opened opened;
	struct buffer path;  /* what it opens, or has opened last */
	struct buffer words; /* why it cannot */
};

enum opener_result {
	OPENER_PENDING,
	OPENER_FAILED,
	OPENER_DONE,
};

/* -1 with errno, and nothing is begun. */
int opener_begin(struct opener *o, const struct inherited *h);
/* To be called every few milliseconds; OPENER_FAILED with words in why. */
enum opener_result opener_act(struct opener *o, struct buffer *why);
/* In any case, after that; whoever has taken from opened leaves the rest. */
void opener_end(struct opener *o);

#endif
