/*
 * inherited: what crosses the fork: all that a worker gets from the master.
 */
#ifndef TINED_PROCESS_INHERITED_H
#define TINED_PROCESS_INHERITED_H

#include "base/logfile.h"
#include "config/config.h"
#include "handlers/site.h"
#include "http/log_format.h"
#include "net/listener.h"
#include "sandbox/privilege.h"
#include "shared/channel.h"
#include "shared/client_limit.h"
#include "shared/deferred_budget.h"
#include "shared/notice.h"
#include "shared/quarantine.h"
#include "shared/scoreboard.h"
#include "shared/wakeup.h"

/* Of the process behind --status-socket: a server of its own. */
struct status_post {
	struct config config;
	struct site site;
	struct listeners listeners;	  /* none: it is not asked for */
	const struct listener *inherited; /* or NULL; takeover.h */
};

struct inherited {
	struct config config;
	struct site site;
	struct privilege privilege;
	struct listeners listeners;
	struct logfile access_log;
	struct log_format log_format;
	unsigned logs;		   /* how often they were opened anew */
	struct notice_box control; /* from the master to all children */
	struct scoreboard *board;
	struct quarantine *quarantine;		 /* NULL: there is none */
	struct client_limit *client_limit;	 /* NULL without --per-client */
	struct deferred_budget *deferred_budget; /* NULL with --no-lot */
	/* Bytes, of clients in the lot, and of each in the kernel. */
	uint64_t lot_memory, client_memory;
	struct backlog_overflows overflows;
	struct status_post status;
	/* Unless --no-lot: */
	struct channel parked; /* from workers to the lot */
	struct channel ready;  /* from the lot to workers */
	/* From the lot to that of a successor; and from that of a predecessor,
	 * if there is one (upgrade.h). */
	struct channel successor;
	struct channel predecessor;
	/* An eventfd: until it says so, no client is accepted (takeover.h); -1 when
	 * it has, or need not. */
	int accept_gate;
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
int inherited_open(
    struct inherited *h, const struct site_source *from, struct buffer *why);
void inherited_close(struct inherited *h);
/*
 * Makes here what workers would else make each for itself: so they share it.
 * inherited_open does; who goes back to an older site does it again.
 */
void inherited_settle(const struct inherited *h);

#endif
