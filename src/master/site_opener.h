/*
 * site_opener: opens the files of a reload, and looks up the hosts of gateways, in
 * a process of its own, because a file system (NFS, FUSE) or a name server that
 * does not respond blocks the process that uses it.  The master then abandons that
 * process and kills it.
 */
#ifndef TINED_MASTER_SITE_OPENER_H
#define TINED_MASTER_SITE_OPENER_H

#include <stdbool.h>
#include <stdint.h>

#include "process/inherited.h"

/* How long all of them together may take to respond. */
#define SITE_OPENER_PATIENCE (5 * CLOCK_SECOND)

struct site_opener {
	/* pidfd_open(2), kept after site_opener_end until it is gone; or 0 */
	int process;
	int line; /* a socket from it; or -1 */
	int64_t deadline;
	struct site_opened opened;
	size_t received; /* bytes of all of it together */
	/* That it is opening, or has opened last; it is kept as process is. */
	struct buffer path;
	struct buffer words; /* its error message */
};

enum site_opener_result {
	SITE_OPENER_PENDING,
	SITE_OPENER_FAILED,
	SITE_OPENER_DONE,
	SITE_OPENER_NEEDLESS, /* the mounted directories are still there */
};

/*
 * Starts the process; the one before must be gone.  if_removed: it opens nothing
 * unless somebody has removed a directory that is mounted now.  -1 with errno.
 */
int site_opener_begin(
    struct site_opener *o, const struct inherited *h, bool if_removed);
/* Call it every few milliseconds.  SITE_OPENER_FAILED: error message in *why. */
enum site_opener_result site_opener_act(
    struct site_opener *o, struct buffer *why);
/*
 * Call it at the end in any case: kills the process, and closes what was not taken
 * from opened.
 */
void site_opener_end(struct site_opener *o);
/*
 * False while a process that was killed lives: its file system still has not
 * responded.  Another one would only wait for it as well.
 */
bool site_opener_is_gone(struct site_opener *o);
/* Does not wait for its end any more. */
void site_opener_forget(struct site_opener *o);
/* In another child of the master: closes the descriptors. */
void site_opener_leave(const struct site_opener *o);
/* Adds an error message for one that is not gone. */
void site_opener_explain_rest(struct site_opener *o, struct buffer *why);

#endif
