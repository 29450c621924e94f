/*
 * worker_state: what the parts of a worker share.  worker.c is its life;
 * worker_signals.c is what signals ask of it.
 */
#ifndef TINED_WORKER_STATE_H
#define TINED_WORKER_STATE_H

#include <sys/types.h>

#include <signal.h>
#include <stdbool.h>

#include "client.h"
#include "famine.h"
#include "heritage.h"
#include "recycle.h"
#include "room.h"

struct worker {
	struct heritage *heritage;
	size_t slot;
	struct client client;
	int epoll;
	int wake;    /* an eventfd: a signal came */
	size_t next; /* listener to ask first */
	struct famine famine;
	bool handed_first;
	bool watches_parked; /* there is no lot that does */
	bool parks_in_vain;  /* the last time that nothing could be parked */
	struct recycle recycle;
	struct room room;
	pid_t master;
	/* For handlers of signals: */
	volatile sig_atomic_t want_stop;
	volatile bool let_go; /* the listeners are closed */
};

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
