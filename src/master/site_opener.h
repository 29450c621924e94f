/*
 * site_opener: opens the files of a reload in a process of its own, because a
 * file system that does not respond (NFS, FUSE) blocks the process that uses
 * it.  The master then abandons that process and kills it.
 */
#ifndef TINED_MASTER_SITE_OPENER_H
#define TINED_MASTER_SITE_OPENER_H

#include <stdbool.h>
#include <stdint.h>

#include "process/inherited.h"

/* How long a file system may take to respond. */
#define SITE_OPENER_PATIENCE (5 * CLOCK_SECOND)

struct site_opener {
	int process; /* pidfd_open(2) */
	int line;    /* a socket from it */
	int64_t deadline;
	struct site_opened opened;
	struct buffer path;  /* that it is opening, or has opened last */
	struct buffer words; /* its error message */
};

enum site_opener_result {
	SITE_OPENER_PENDING,
	SITE_OPENER_FAILED,
	SITE_OPENER_DONE,
	SITE_OPENER_NEEDLESS, /* the mounted directories are still there */
};

/*
 * Starts the process.  if_removed: it opens nothing unless somebody has removed
 * a directory that is mounted now.  -1 with errno.
 */
int site_opener_begin(
    struct site_opener *o, const struct inherited *h, bool if_removed);
/* Call it every few milliseconds.  SITE_OPENER_FAILED: error message in *why. */
enum site_opener_result site_opener_act(
    struct site_opener *o, struct buffer *why);
/* Call it at the end in any case.  Closes what was not taken from opened. */
void site_opener_end(struct site_opener *o);

#endif
