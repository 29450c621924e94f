/*
 * heritage: what crosses the fork: all that a worker gets from the master.
 */
#ifndef TINED_HERITAGE_H
#define TINED_HERITAGE_H

#include "config.h"
#include "control.h"
#include "handoff.h"
#include "listener.h"
#include "logfile.h"
#include "logformat.h"
#include "privilege.h"
#include "quarantine.h"
#include "ration.h"
#include "scoreboard.h"
#include "share.h"
#include "site.h"
#include "wakeup.h"

/* Of the process behind --status-socket: a server of its own. */
struct status_post {
	struct config config;
	struct site site;
	struct listeners listeners;	  /* none: it is not asked for */
	const struct listener *inherited; /* or NULL; heir.h */
};

struct heritage {
	struct config config;
	struct site site;
	struct privilege privilege;
	struct listeners listeners;
	struct logfile access_log;
	struct logformat log_format;
	unsigned logs;		/* how often they were opened anew */
	struct control control; /* from the master to all children */
	struct scoreboard *board;
	struct quarantine *quarantine; /* NULL: there is none */
	struct share *share;	       /* NULL without --per-client */
	struct ration *ration;	       /* NULL with --no-lot */
	/* Bytes, of clients in the lot, and of each in the kernel. */
	uint64_t lot_memory, client_memory;
	struct backlog_overflows overflows;
	struct status_post status;
	/* Unless --no-lot: */
	struct handoff_lane parked; /* from workers to the lot */
	struct handoff_lane ready;  /* from the lot to workers */
	/* From the lot to that of a successor; and from that of a predecessor,
	 * if there is one (upgrade.h). */
	struct handoff_lane successor;
	struct handoff_lane predecessor;
	/* An eventfd: until it says so, no client is accepted (heir.h); -1 when
	 * it has, or need not. */
	int doors;
	/* To the master: a worker is ready to serve; too few are idle. */
	struct wakeup started;
	struct wakeup wanted;
	/* By the master, to all workers: the lot is gone. */
	struct wakeup lot_ended;
};

/*
 * Opens what a reload opens again: the site, and who its workers are.  It may
 * stand still as long as a file system does, unless all has been opened.  -1
 * with words in why; errno is EINVAL if the command line is wrong.
 */
int heritage_open(
    struct heritage *h, const struct site_source *from, struct buffer *why);
void heritage_close(struct heritage *h);
/*
 * Makes here what workers would else make each for itself: so they share it.
 * heritage_open does; who goes back to an older site does it again.
 */
void heritage_settle(const struct heritage *h);

#endif
