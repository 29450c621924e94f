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
 * Whether the predecessor was told that this one is ready: it may have closed
 * its listeners since, so that nobody else can serve.
 */
bool heir_is_promised(void);
/*
 * After heir_accede, while the predecessor still finishes what it has begun: a
 * descriptor that is readable when it has ended; -1 when heir_look_back has
 * seen that.
 */
int heir_predecessor(void);
void heir_look_back(void);
/* Sends it a signal, if it is there. */
void heir_tell_predecessor(int signo);
/* In a child of this process: closes what is not the child's. */
void heir_leave(void);

#endif
