/*
 * master: keeps the workers running and answers signals.  It never reads a
 * byte from a client.
 */
#ifndef TINED_MASTER_MASTER_H
#define TINED_MASTER_MASTER_H

#include "process/inherited.h"

struct master_hooks {
	void (*ready)(void); /* the workers run */
	void (*leave)(void); /* in a worker: lets go of what is the master's */
	void (*give_way)(struct inherited *h); /* a successor has all of it */
};

/*
 * Runs until it is told to stop, and all workers have ended.  Returns the exit
 * status.
 *
 *	TERM, INT	stop gracefully: requests under way are finished
 *	QUIT		stop at once; so does a second INT
 *	HUP		reload (reload.h)
 *	USR1		open the logs anew (log_reopen.h)
 *	USR2		be succeeded by the program as it is now (upgrade.h)
 */
int master_run(struct inherited *inherited, const struct master_hooks *hooks);

#endif
