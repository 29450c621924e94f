/*
 * master: the event loop of the master, which keeps the other processes running
 * and acts on signals.  It never reads data from a client.
 */
#ifndef TINED_MASTER_MASTER_H
#define TINED_MASTER_MASTER_H

#include "process/inherited.h"

struct master_hooks {
	void (*ready)(void); /* the server is ready */
	void (*leave)(void); /* in a child: releases the master's resources */
	void (*give_way)(struct inherited *h); /* a successor takes over */
};

/*
 * Runs until it is told to stop and all children have ended.  Returns the exit
 * status.
 *
 *	TERM, INT	stop gracefully (stop.h)
 *	QUIT		stop immediately, as after a second INT
 *	HUP		reload (reload.h)
 *	USR1		reopen the logs (log_reopen.h)
 *	USR2		upgrade (upgrade.h)
 *	TTIN, TTOU	add or remove a worker (autoscale.h)
 */
int master_run(struct inherited *inherited, const struct master_hooks *hooks);

#endif
