/*
 * heir: a master that was started by another one, to take its place
 * (upgrade.h).  Until it has served a request of its own, and its predecessor
 * knows, it accepts no client, and leaves what it inherited as it is.
 */
#ifndef TINED_HEIR_H
#define TINED_HEIR_H

#include <stdbool.h>
#include <stdint.h>

#include "heritage.h"

/* Reads the environment: false in a master that inherits nothing. */
bool heir_init(void);
/*
 * What standard error was, for the error log to keep.  Until heir_speak_up,
 * standard error leads to the predecessor, who logs why this one failed.
 */
int heir_errors(void);
/* Takes the listeners, and the lane from the lot of the predecessor. */
void heir_take(struct heritage *h);
/* -1: there is none. */
int heir_pidfile(void);
/* All is open: standard error is what it was. */
void heir_speak_up(void);

/* From heir_init to heir_accede. */
bool heir_is_waiting(void);
/*
 * For the master's loop, when a worker has started: asks it, tells the
 * predecessor, and is true when that one has given way, or is gone.
 */
bool heir_act(struct heritage *h);
/* When to act again (clock.h). */
int64_t heir_next(void);
/* Everything is ours now. */
void heir_accede(struct heritage *h);
/*
 * Whether the predecessor, after that, still finishes what it has begun: it is
 * the parent then, and SIGCHLD comes when it ends, too.
 */
bool heir_has_predecessor(void);
/* Sends it a signal, if so. */
void heir_tell_predecessor(int signo);

#endif
