/*
 * state: what the parts of a worker share.  worker.c is its life;
 * serve.c takes a connection, serves it, and parts with it;
 * signals.c is what signals ask of it.
 */
#ifndef TINED_PROCESS_WORKER_STATE_H
#define TINED_PROCESS_WORKER_STATE_H

#include <sys/types.h>

#include <signal.h>
#include <stdbool.h>

#include "connection/client.h"
#include "connection/recycle.h"
#include "process/inherited.h"
#include "shared/accept_backoff.h"
#include "shared/fd_budget.h"

struct worker {
	struct inherited *inherited;
	size_t slot;
	struct service service;
	struct client client;
	int epoll;
	int wake;    /* an eventfd: a signal came */
	size_t next; /* listener to ask first */
	struct accept_backoff backoff;
	bool handed_first;
	bool watches_parked; /* there is no lot that does */
	bool parks_in_vain;  /* the last time that nothing could be parked */
	struct recycle recycle;
	struct fd_budget fd_budget;
	pid_t master;
	/* For handlers of signals: */
	volatile sig_atomic_t want_stop;
	volatile bool let_go; /* the listeners are closed */
};

static inline bool
worker_has_lot(const struct worker *w)
{
	return !w->inherited->config.no_lot;
}

/* Whether it takes connections now: it may be killed, or fail to start. */
static inline bool
worker_is_lot_there(const struct worker *w)
{
	return worker_has_lot(w) &&
	    score_lot_is_there(w->inherited->board->lot);
}

/* Without a lot, the question of a successor to itself comes that way. */
static inline bool
worker_takes_handed(const struct worker *w)
{
	return w->inherited->ready.from != -1;
}

/*
 * Each takes one connection, if there is any, and serves it for as long as it
 * stays with this worker.  False when there is none: a new one; one that the
 * lot has handed over; one that was on its way to a lot that is gone.
 */
bool worker_serve_new(struct worker *w);
bool worker_serve_handed(struct worker *w);
bool worker_serve_parked(struct worker *w);

/* So that one that hangs before it serves tells where. */
void worker_signals_prepare(const struct score *score, pid_t master);
/*
 * From now on signals are for this worker, and so is the end of the master,
 * unless privileges are dropped after this.
 */
void worker_signals_begin(struct worker *w);
/* Signals find no worker any more. */
void worker_signals_end(void);

#endif
