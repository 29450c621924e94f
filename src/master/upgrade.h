/*
 * upgrade: SIGUSR2.  The program is started anew from where it was started, as
 * it was started, and inherits the listeners, the pid file, and a channel to
 * the lot.  When it has served a request of its own it says so (takeover.h),
 * and only then this master gives way; whatever else happens, it goes on.  By
 * then the new master is no child of this one: successor.h.
 */
#ifndef TINED_MASTER_UPGRADE_H
#define TINED_MASTER_UPGRADE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "master/children.h"

/* Of the one that is under way; children.successor is whom it starts. */
struct upgrade {
	bool ready; /* the successor has said so */
	int64_t deadline;
};

enum upgrade_result {
	UPGRADE_IDLE,
	UPGRADE_PENDING,
	UPGRADE_FAILED, /* and the log says why */
	UPGRADE_DONE,	/* the successor serves: give way */
};

/* First of all in main: how the program was started. */
void upgrade_remember(char **argv);
/* Starts a successor; or the log says why not. */
void upgrade_begin(struct upgrade *u, struct children *all);
/*
 * UPGRADE_DONE each time until upgrade_give_way, unless the successor ends
 * meanwhile.
 */
enum upgrade_result upgrade_act(struct upgrade *u, struct children *all);
/* From now on the successor is a child of the service manager, not of ours. */
void upgrade_release(struct children *all);
/* When all is left to the successor: it may begin. */
void upgrade_give_way(struct children *all);
/* Whether the successor is gone since, in whatever way. */
bool upgrade_is_in_vain(struct children *all);
/* Logs that it is. */
void upgrade_log_loss(const struct children *all);
/* The server stops: so does the successor. */
void upgrade_abandon(struct children *all);
/* When to act again (clock.h). */
int64_t upgrade_next(const struct children *all);

#endif
