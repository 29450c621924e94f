/*
 * upgrade: SIGUSR2.  The program is started anew from where it was started, as
 * it was started, and inherits the listeners, the pid file, and a lane to the
 * lot.  When it has served a request of its own it says so (heir.h), and only
 * then this master gives way; whatever else happens, it goes on.
 */
#ifndef TINED_UPGRADE_H
#define TINED_UPGRADE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "child.h"

/* The two words that are said: by the heir, and back. */
#define UPGRADE_READY 'R'
#define UPGRADE_GO 'G'

/* All zeroes when there is nothing to do. */
struct upgrade {
	int talk;
	int errors; /* what the heir writes to standard error */
	int64_t deadline;
};

enum upgrade_result {
	UPGRADE_IDLE,
	UPGRADE_PENDING,
	UPGRADE_FAILED, /* and the log says why */
	UPGRADE_DONE,	/* the heir serves: give way */
};

/* First of all in main: how the program was started. */
void upgrade_remember(char **argv);
/* Starts an heir, whose end reap_all sees; or the log says why not. */
void upgrade_begin(struct upgrade *u, struct children *all);
enum upgrade_result upgrade_act(struct upgrade *u, struct children *all);
/* When all is left to the heir: it may begin. */
void upgrade_give_way(struct upgrade *u, struct children *all);
/* Whether the successor is gone since, in whatever way. */
bool upgrade_is_in_vain(const struct children *all);
/* Logs how it went. */
void upgrade_log_loss(const struct children *all);
/* The server stops: so does the heir. */
void upgrade_abandon(struct upgrade *u, struct children *all);
/* When to act again (clock.h). */
int64_t upgrade_next(const struct children *all);

#endif
