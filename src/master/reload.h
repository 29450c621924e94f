/*
 * reload: SIGHUP, or a worker whose mounted directory was removed.  A process
 * that may block (site_opener.h) opens the site again.  Then new workers replace the
 * old ones: each has started before an old one is told to end.  The lot keeps
 * its connections.
 *
 * A worker that was taken over can request reloads without end.  So that
 * process first checks whether a directory was removed; if not, the next
 * request of a worker has to wait twice as long, up to a minute.
 */
#ifndef TINED_MASTER_RELOAD_H
#define TINED_MASTER_RELOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "master/children.h"
#include "master/site_opener.h"

/* All zeroes when there is nothing to do. */
struct reload {
	bool pending;
	bool waiting;	    /* until the opener of the last one is gone */
	bool opening;	    /* the opener is running */
	bool again;	    /* another reload was requested meanwhile */
	bool by_worker;	    /* a worker has requested it */
	bool announced;	    /* its beginning, to the log and systemd */
	bool logged;	    /* the failure of one by a worker is logged */
	int needless;	    /* requests by workers in a row without a reason */
	int64_t began;	    /* workers started before are to be replaced */
	int64_t progress;   /* when a new worker was last ready */
	int64_t not_before; /* for the next one by a worker (clock.h) */
	size_t replaced;
	struct site_opener opener; /* while opening, and until it is gone */
	struct inherited before;   /* after that: the old state, to restore */
};

/*
 * Begins a reload; if one is in progress, another follows it.  If something
 * cannot be opened, logs an error and keeps what is served.  Logs are not its
 * concern: log_reopen.h.
 */
void reload_begin(struct reload *r, struct children *all);
/*
 * Continues a reload, or begins one that a worker has requested.  Call it in
 * each iteration of the master's loop.  True if everything has just been
 * opened: new workers use it.
 */
bool reload_act(struct reload *r, struct children *all);
/* Called when the server stops, or gives way to another. */
void reload_abandon(struct reload *r, struct children *all);
/* When to act again (clock.h). */
int64_t reload_next(const struct reload *r, const struct children *all);

#endif
