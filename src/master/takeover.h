/*
 * takeover: a master that was started by another one, to take its place
 * (upgrade.h).  Until it has served a request of its own, and its predecessor
 * knows, it accepts no client, and leaves what it inherited as it is.
 */
#ifndef TINED_MASTER_TAKEOVER_H
#define TINED_MASTER_TAKEOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "process/inherited.h"

/* Reads the environment: false in a master that inherits nothing. */
bool takeover_init(void);
/*
 * What standard error was, for the error log to keep.  Until takeover_speak_up,
 * standard error leads to the predecessor, who logs why this one failed.
 */
int takeover_errors(void);
/* Takes the listeners, and the channel from the lot of the predecessor. */
void takeover_take(struct inherited *h);
/* -1: there is none. */
int takeover_pidfile(void);
/* All is open: standard error is what it was. */
void takeover_speak_up(void);

/* From takeover_init to takeover_accede. */
bool takeover_is_waiting(void);
/*
 * For the master's loop, when a worker has started: asks it, tells the
 * predecessor, and is true when that one has given way, or is gone.
 */
bool takeover_act(struct inherited *h);
/* When to act again (clock.h). */
int64_t takeover_next(void);
/* Everything is ours now. */
void takeover_accede(struct inherited *h);
/* When the test request was sent (clock_now()); 0: it was not. */
int64_t takeover_asked(void);
/*
 * Whether the predecessor was told that this one is ready: it may have closed
 * its listeners since, so that nobody else can serve.
 */
bool takeover_is_promised(void);
/*
 * After takeover_accede, while the predecessor still finishes what it has
 * begun: a descriptor that is readable when it has ended; -1 when
 * takeover_look_back has seen that.
 */
int takeover_predecessor(void);
void takeover_look_back(void);
/* Sends it a signal, if it is there. */
void takeover_tell_predecessor(int signo);
/* In a child of this process: closes what is not the child's. */
void takeover_leave(void);

#endif
