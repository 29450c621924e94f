/*
 * state: the state of a worker, which its modules share.  worker.c is its main
 * loop; accept.c accepts new connections; serve.c takes a connection, serves it,
 * and closes or parks it; kept.c keeps connections between requests; signals.c
 * has its signal handlers.
 */
#ifndef TINED_PROCESS_WORKER_STATE_H
#define TINED_PROCESS_WORKER_STATE_H

#include <sys/types.h>

#include <signal.h>
#include <stdbool.h>

#include "connection/client.h"
#include "connection/recycle.h"
#include "connection/title.h"
#include "process/inherited.h"
#include "shared/accept_backoff.h"
#include "shared/fd_budget.h"
#include "shared/scoreboard_read.h"

/*
 * The lot may learn that a client is idle after this part of --keepalive: it
 * then closes the connection later by as much at most.
 */
#define KEEPALIVE_PART 8

/* So many are found at once at most. */
#define KEPT_READY 8

struct kept;

/* Loans that this worker keeps between requests: loan.h. */
struct kept_all {
	struct kept *at; /* by their places; owned */
	uint32_t size;	 /* of that array */
	uint32_t max;	 /* 0: this worker keeps none */
	uint32_t count;
	uint32_t first, last; /* the one that was served longest ago */
	uint32_t current;     /* its client is attached; from 1; 0: none */
	/* Of those that have sent something, the same, in their order. */
	uint32_t ready[KEPT_READY];
	uint32_t ready_first, ready_count; /* those still to be served */
	int64_t sweep_at;  /* the next look for those recalled (clock.h) */
	int64_t settle_at; /* the next worker_kept_settle (clock.h) */
};

struct worker {
	struct inherited *inherited;
	size_t slot;
	struct service service;
	int epoll;
	int wake;    /* an eventfd: a signal has arrived */
	size_t next; /* the listener to try first */
	struct accept_backoff backoff;
	bool handed_first;
	bool expects_new;      /* a client waits to be accepted, perhaps */
	bool expects_handed;   /* one is in the lot's channel, perhaps */
	unsigned turns;	       /* taken from that channel since the last wait */
	int64_t gave_way;      /* clock_now(): when it slept, or yielded */
	bool is_free;	       /* scoreboard_set_free */
	bool is_busy;	       /* its last wait has found an event at once */
	bool watches_parked;   /* this worker does, as no lot runs */
	bool parks_in_vain;    /* the last attempt to park has failed */
	bool mailbox_is_stuck; /* the lot has not read it in time */
	bool has_moved;	       /* its client, in a message to the lot */
	struct loan_name loan; /* its client's connection; place 0: none */
	bool recalled;	       /* another worker may have a copy of that */
	struct kept_all kept;
	struct others others;
	bool kept_first; /* their turn before clients from elsewhere */
	struct recycle recycle;
	struct title title;
	struct fd_budget fd_budget;
	pid_t master;
	/* For signal handlers: */
	volatile sig_atomic_t want_stop;
	volatile bool let_go; /* the listeners are to be closed */
	volatile bool listeners_closed;
	/* The kernel may have woken this worker, and no other, for a client. */
	volatile bool may_be_woken;

	struct client client; /* the last: it has tables */
};

static inline bool
worker_has_lot(const struct worker *w)
{
	return !w->inherited->config.no_lot;
}

/* True if a lot takes connections: it may be killed, or fail to start. */
static inline bool
worker_is_lot_there(const struct worker *w)
{
	return worker_has_lot(w) &&
	    score_lot_is_there(w->inherited->board->lot);
}

/* True if the lot that is there has lent the client's connection. */
static inline bool
worker_has_loan(const struct worker *w)
{
	return w->loan.place != 0 &&
	    w->loan.lot == score_lot_number(w->inherited->board->lot);
}

/*
 * True if a parked connection goes on elsewhere: in the lot or, if this worker
 * is to end, in another worker that receives it from the channel.
 */
static inline bool
worker_may_park(const struct worker *w)
{
	return worker_is_lot_there(w) ||
	    (worker_has_lot(w) && w->client.connection.in.yield);
}

/* True if it keeps clients beside the one that it serves. */
static inline bool
worker_keeps_others(const struct worker *w)
{
	return w->kept.count > (w->kept.current != 0);
}

/* Without a lot, the test request of a successor uses the same channel. */
static inline bool
worker_takes_handed(const struct worker *w)
{
	return w->inherited->ready.from != -1;
}

/*
 * Accepts a connection from the next listener that has one: its descriptor, or
 * -1.
 */
int worker_accept(struct worker *w, struct peer *peer);
/* Also from signal handlers. */
void worker_close_listeners(struct worker *w);
/* Called when that source has failed for lack of descriptors: pauses. */
void worker_starve(struct worker *w, int source, int error);

enum worker_taken {
	TAKEN_NOTHING,	/* there was no connection */
	TAKEN_REQUEST,	/* a connection, whose requests are to be answered */
	TAKEN_RESPONSE, /* one whose deferred response is to be sent first */
	TAKEN_DONE,	/* one that this worker has closed or parked already */
};

/*
 * Take a connection: a new one; one that the lot has handed over; one that was
 * on its way to a lot that has ended.
 */
enum worker_taken worker_take_new(struct worker *w);
enum worker_taken worker_take_handed(struct worker *w);
enum worker_taken worker_take_parked(struct worker *w);
/*
 * Serves the connection that was taken, until this worker has closed or parked
 * it.  False if there was none.
 */
bool worker_serve(struct worker *w, enum worker_taken taken);

/*
 * Called when the worker has let go of its client, before the lot can learn of it.
 * Others see so that it will take what waits, though it may not run soon: else
 * they would give their own clients away for it.
 */
void worker_become_free(struct worker *w);
/* Attaches a client that has been passed by the lot, or kept. */
void worker_attach(struct worker *w, int fd, const struct peer *peer);
/* Hands the current client to the lot, to wait; false if that is not possible. */
bool worker_park_idle(struct worker *w, int64_t since);

/*
 * Receives a connection from the lot, as channel_receive does, and claims it if
 * it is lent.
 */
int worker_receive_loan(struct worker *w, struct handoff *h, size_t *len,
    struct deferred *deferred);
/*
 * Gives the loan back without its descriptor.  since: the client has waited since
 * then; 0: now.  False if there is no loan, if its lot has ended, if the lot must
 * first read what was given back before, or if the lot stands still and the
 * connection is to go on: what is given back would end with the lot, but messages
 * to it stay.
 */
bool worker_give_back(struct worker *w, enum loan_end end, int64_t since);
/*
 * The same for a loan that this worker keeps, while it has another one in hand;
 * without waking the lot.  Waits for the lot, as below, if the mailbox is full.
 */
bool worker_return_loan(struct worker *w, const struct loan_record *record);
/*
 * Waits until the lot has read what was given back, which takes it some
 * microseconds.  One that stands still is waited for once.
 */
void worker_settle_mailbox(struct worker *w);
/*
 * Called when the client has gone, or its connection went to the lot in a message.
 * Until the lot knows that, its descriptor keeps the connection open: so it waits
 * if the mailbox is full.
 */
void worker_end_loan(struct worker *w);

/*
 * True if the site has files only, and what belongs to the server: requests are
 * over soon, and run no programs.
 */
bool worker_serves_files_only(const struct worker *w);
/* True if no program of others runs in it, or is started by it: such as gateways. */
bool worker_runs_own_code_only(const struct worker *w);
void worker_kept_init(struct worker *w);
/*
 * Keeps the loan of the current client, which waits for its next request; false
 * if it goes to the lot, as others do.
 */
bool worker_keep(struct worker *w);
/* Called before the descriptor of the current client is closed. */
void worker_unkeep(struct worker *w);
/* Notes an event of epoll(7); false if it is none of a client that is kept. */
bool worker_kept_note(struct worker *w, uint64_t data);
/*
 * As a wait does, looks for clients that are kept and have sent something, and gives
 * back what has been idle for long; without a wait, so that the kernel wakes nobody
 * for it.
 */
void worker_kept_look(struct worker *w);
/* Takes the next client that is kept, and has sent something. */
enum worker_taken worker_take_kept(struct worker *w);
/*
 * Gives back what has been idle for long.  Returns when to do that again
 * (clock.h), or CLOCK_NEVER.
 */
int64_t worker_kept_settle(struct worker *w);
/* Gives all back, or serves them: the worker is to end. */
void worker_kept_end(struct worker *w);

/* Handles SIGNAL_TIMED_OUT during the start: logs where the worker hangs. */
void worker_signals_prepare(const struct score *score, pid_t master);
/*
 * Installs the signal handlers, also for the end of the master.  Dropping
 * privileges later would undo the latter.
 */
void worker_signals_begin(struct worker *w);
/* Disconnects the signal handlers from the worker. */
void worker_signals_end(void);

#endif
