/*
 * upgrade: SIGUSR2.  Starts the program again, with the same path, directory
 * and arguments.  The new master inherits the listeners, the pid file and a
 * channel from the lot.  When it has served a test request, it reports that
 * (takeover.h), and only then this master gives way; in all other cases it goes
 * on.  By then the new master is not a child of this one: successor.h.
 */
#ifndef TINED_MASTER_UPGRADE_H
#define TINED_MASTER_UPGRADE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "master/children.h"

/* The upgrade in progress; children.successor is the new master. */
struct upgrade {
	bool ready; /* the successor has reported that it is ready */
	int64_t deadline;
};

enum upgrade_result {
	UPGRADE_IDLE,
	UPGRADE_PENDING,
	UPGRADE_FAILED, /* the reason is logged */
	UPGRADE_DONE,	/* the successor is ready: give way */
};

/* Called first in main: remembers how the program was started. */
void upgrade_remember(char **argv);
/* Starts a successor, or logs why it cannot. */
void upgrade_begin(struct upgrade *u, struct children *all);
/*
 * Returns UPGRADE_DONE each time until upgrade_give_way, unless the successor
 * ends meanwhile.
 */
enum upgrade_result upgrade_act(struct upgrade *u, struct children *all);
/* Makes the successor a child of the service manager. */
void upgrade_release(struct children *all);
/* Called when this master has given way: tells the successor to begin. */
void upgrade_give_way(struct children *all);
/* True if the successor has ended since. */
bool upgrade_is_in_vain(struct children *all);
/* Logs that. */
void upgrade_log_loss(const struct children *all);
/* Called when the server stops during an upgrade: kills the successor. */
void upgrade_abandon(struct children *all);
/* When to act again (clock.h). */
int64_t upgrade_next(const struct children *all);

#endif
