/*
 * reload: SIGHUP, or a worker that finds a folder removed.  What is served is
 * opened anew, by a process that may stand still (opener.h), and workers that
 * know it take the place of those that do not: each has started before its
 * predecessor is asked to end.  The lot keeps its clients all the while.
 */
#ifndef TINED_MASTER_RELOAD_H
#define TINED_MASTER_RELOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "master/children.h"
#include "master/opener.h"

/* All zeroes when there is nothing to do. */
struct reload {
	bool pending;
	bool opening;	    /* all is opened; no worker knows it yet */
	bool again;	    /* it was asked for once more meanwhile */
	bool by_worker;	    /* a worker has asked for it */
	bool logged;	    /* that one of those has failed: not again */
	int64_t began;	    /* whoever was started before is to be replaced */
	int64_t progress;   /* when a successor was last ready */
	int64_t not_before; /* for workers who ask for one; clock_now() */
	size_t replaced;
	struct opener opener;	 /* while it is opened */
	struct inherited before; /* after that: to go back to */
};

/*
 * Begins to open all anew; or, while a reload is under way, notes that another
 * is to follow.  If it cannot be opened, the old goes on, and an error says so.
 */
void reload_begin(struct reload *r, struct children *all);
/*
 * Moves it on, or begins one that workers ask for; to be called in each turn of
 * the master's loop.  True when all has been opened just now: workers that are
 * started know it.
 */
bool reload_act(struct reload *r, struct children *all);
/* The server stops: it goes on with what it has. */
void reload_abandon(struct reload *r, struct children *all);
/* When to act again (clock.h). */
int64_t reload_next(const struct reload *r, const struct children *all);

#endif
