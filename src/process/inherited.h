/*
 * inherited: the state that child processes inherit from the master.
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
#include "shared/loan.h"
#include "shared/quarantine.h"
#include "shared/scoreboard.h"
#include "shared/wakeup.h"

/* The same for the status process, which is a server of its own. */
struct status_post {
	struct config config;
	struct site site;
	struct listeners listeners;	  /* empty without --status-socket */
	const struct listener *inherited; /* or NULL; takeover.h */
};

/* From the master to all children: log_follow.h. */
struct log_notices {
	int from;
	int to;
};

struct inherited {
	struct config config;
	struct site site;
	struct privilege privilege;
	struct listeners listeners;
	struct logfile access_log;
	struct log_format log_format;
	unsigned logs; /* how often the logs were reopened */
	struct log_notices log_notices;
	struct scoreboard *board;
	struct quarantine *quarantine;		 /* NULL without --quarantine */
	struct client_limit *client_limit;	 /* NULL without --per-client */
	struct deferred_budget *deferred_budget; /* NULL with --no-lot */
	struct loans *loans;			 /* NULL with --no-lot */
	/* Bytes for clients in the lot, and for each client's socket. */
	uint64_t lot_memory, client_memory;
	struct backlog_overflows overflows;
	struct status_post status;
	/* Unless --no-lot: */
	struct channel parked;	    /* from workers to the lot */
	struct channel ready;	    /* from the lot to workers */
	struct channel successor;   /* to the successor's lot (upgrade.h) */
	struct channel predecessor; /* from the predecessor's lot */
	/* The reading end of a pipe: no client is accepted before the master has
	 * closed the other end (takeover.h).  -1: clients can be accepted. */
	int accept_gate;
	struct wakeup started;	 /* to the master: a worker is ready */
	struct wakeup wanted;	 /* to the master: too few are idle */
	struct wakeup lot_ended; /* to all workers: the lot has ended */
};

/*
 * Opens the parts that a reload opens again: the site, and the identity of its
 * workers.  May block on a file system, unless another process has opened the
 * files (site_opener.h).  -1 with an error message in *why; errno is EINVAL if the
 * command line is wrong.
 */
int inherited_open(
    struct inherited *h, const struct site_source *from, struct buffer *why);
void inherited_close(struct inherited *h);
/*
 * Prepares memory in the master that each worker would otherwise allocate for
 * itself, so that workers share it.  inherited_open calls this; a caller that
 * restores an older site calls it again.
 */
void inherited_settle(const struct inherited *h);

#endif
