/*
 * takeover: a master that another one has started to take its place
 * (upgrade.h).  It accepts no client, and does not change what it has
 * inherited, until it has served a test request of its own and the predecessor
 * has given way.
 */
#ifndef TINED_MASTER_TAKEOVER_H
#define TINED_MASTER_TAKEOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "process/inherited.h"

/* Reads the environment.  False if this master has inherited nothing. */
bool takeover_init(void);
/*
 * Returns the original standard error, for the error log.  Until
 * takeover_speak_up, standard error leads to the predecessor, which logs why
 * this server failed.
 */
int takeover_errors(void);
/* Takes over the listeners and the channel from the predecessor's lot. */
void takeover_take(struct inherited *h);
/* Returns the descriptor of the inherited pid file, or -1. */
int takeover_pidfile(void);
/* Called when everything is open: restores standard error. */
void takeover_speak_up(void);

/* True from takeover_init to takeover_accede. */
bool takeover_is_waiting(void);
/*
 * Called by the master's loop once a worker has started: sends the test
 * request, reads the response, and sends READY to the predecessor.  True when
 * the predecessor has given way or has ended.
 */
bool takeover_act(struct inherited *h);
/* Returns when to call takeover_act again (clock.h). */
int64_t takeover_next(void);
/* Called when this server takes over: it now owns what it has inherited. */
void takeover_accede(struct inherited *h);
/* Returns when the test request was sent (clock_now()), or 0. */
int64_t takeover_asked(void);
/*
 * True if READY has been sent.  The predecessor may have closed its listeners
 * since, so that no other server can take over.
 */
bool takeover_is_promised(void);
/*
 * Between takeover_accede and the end of the predecessor: returns a descriptor
 * that becomes readable when the predecessor ends.  -1 after takeover_look_back
 * has noticed that end.
 */
int takeover_predecessor(void);
void takeover_look_back(void);
/* Sends a signal to the predecessor, if that has not ended. */
void takeover_tell_predecessor(int signo);
/* In a child: closes the descriptors that only the master needs. */
void takeover_leave(void);

#endif
