/*
 * state: the state of the lot, which its modules share.  lot.c is the process
 * and its event loop; intake.c takes connections in, handover.c hands them to
 * workers, lent.c takes back what is lent, kept.c watches over what workers keep;
 * io.c reads and writes; relief.c makes room; migrate.c sends connections to the
 * lot of a successor.
 */
#ifndef TINED_PROCESS_LOT_STATE_H
#define TINED_PROCESS_LOT_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "process/inherited.h"
#include "process/lot/client_share.h"
#include "process/lot/parked.h"
#include "shared/accept_backoff.h"

/* Descriptors beyond the limit, for connections that workers park then. */
#define LOT_RESERVE 32

/* Random tokens that are made at once. */
#define LENT_TOKENS 64

/* The connections that are lent to workers (loan.h), by the place of the loan. */
struct lent {
	struct parked **at; /* owned; NULL where there is none */
	size_t size;
	uint32_t *vacant; /* places, a stack; owned */
	size_t vacancies;
	uint64_t tokens[LENT_TOKENS];
	size_t tokens_left;
	unsigned deaths;   /* of workers, that the lot has been told */
	size_t unread;	   /* of these, clients have sent more */
	bool is_active;	   /* there were loans since the last sleep */
	int64_t nap;	   /* the longest sleep, nanoseconds */
	uint64_t last;	   /* the number of the last loan */
	uint64_t received; /* the last of which that is known */
	bool is_in_doubt;  /* in the last audit, one was not claimed */
	int64_t audit_at;  /* the next audit (clock.h) */

	/* Of the loans that workers keep: PARKED_KEPT. */
	int kept;	 /* an epoll(7) of their sockets, asked now and then */
	uint32_t looks;	 /* so far */
	int64_t look_at; /* the next (clock.h) */
};

struct lot {
	struct inherited *inherited;
	struct parked_all parked;
	struct client_share client_share;
	struct lent lent;
	int wake;	    /* an eventfd: a signal has arrived */
	size_t max;	    /* limit on descriptors of connections */
	size_t channel_max; /* of these, on their way to workers */
	size_t room;	    /* limit on the bytes of a connection */
	bool told_full;
	bool held_off; /* accepts no new connections */
	struct accept_backoff backoff;
	int64_t backoff_until; /* the next try after a failure (clock.h) */
	bool channel_is_full;
	bool channel_is_choked; /* it polls as writable, but accepts no more */
	bool must_retry;	/* as no event tells when it does again */
	bool stopping;
	bool moving;	   /* to the successor's lot */
	bool drained;	   /* in a stop: no more requests for workers */
	int64_t relief;	   /* the next lot_relieve_workers (clock.h) */
	int64_t settle_at; /* look for lost connections again (clock.h) */
	int64_t missing;   /* of those on their way, since that time */
	int64_t missing_since;
	int64_t least; /* the lot does not end before then (clock.h) */
	int64_t end;   /* nothing is sent after that deadline (clock.h) */
	uint32_t stall_suspects; /* so far: stalls.h */
	char *scratch;		 /* for bytes of a message, or from a socket */
};

/* Watches all sources of connections; -1 with errno. */
int lot_watch_sources(struct lot *lot);
/* The same; if it fails, tries again later. */
void lot_open_sources(struct lot *lot);
/* Called when a source is ready. */
void lot_take_from(struct lot *lot, const struct channel *channel);
void lot_accept_all(struct lot *lot);
/* Closes the listeners, so that another server can use the port. */
void lot_close_listeners(struct lot *lot);
/* Closes connections that use much memory, until the total is in its limit. */
void lot_make_memory(struct lot *lot);
/* Takes in connections again if there is room. */
void lot_go_on_if_possible(struct lot *lot);
/* Hands ready connections to workers, in order, until the channel is full. */
void lot_hand_over_ready(struct lot *lot);
/*
 * Returns when to do that again even if nothing happens (clock.h): a connection
 * that was lost with a killed worker must not count as waiting, or towards its
 * client's limit, for ever.
 */
int64_t lot_settle_deadline(const struct lot *lot);

/*
 * Leaves new connections in the kernel until the lot has room again, so that
 * they do not wake it.
 */
void lot_hold_off(struct lot *lot);

/*
 * Called after sending to a channel, with the errno of the failure or 0; EBUSY:
 * a worker will wake the lot.  After another failure it watches the channel, or
 * tries again after a pause.
 */
void lot_wait_for_channel(
    struct lot *lot, const struct channel *channel, int error);

/*
 * Closes the connection of the slowest client if no worker is free and the lot
 * has no room for their responses.  Returns when to check again (clock.h).
 */
int64_t lot_relieve_workers(struct lot *lot);

/* -1 with errno. */
int lot_lent_init(struct lot *lot);
void lot_lent_free(struct lot *lot);
/*
 * Names the loan of a connection that is to be sent to a worker.  Place 0: this
 * connection is given away, because it has had no response yet or is to be closed
 * after the next, or because the lot has little room or is to end.
 */
struct loan_name lot_name_loan(struct lot *lot, struct parked *b);
/* It was not sent after all. */
void lot_unname_loan(struct lot *lot, struct parked *b);
/* Called when it was sent. */
void lot_lend(struct lot *lot, struct parked *b);
/* Called at an event of a connection that is lent or ready. */
void lot_note_unread(struct lot *lot, struct parked *b);
/* As lot_forget_loan, if there is one of that name: it came in a message. */
void lot_drop_loan(struct lot *lot, const struct loan_name *name);
/* Closes the lot's descriptors of all loans. */
void lot_close_lent(struct lot *lot);
/*
 * Takes back what workers have given back, and closes what dead workers had.
 * True if any was given back.
 */
bool lot_take_back_loans(struct lot *lot);
/*
 * Called when a worker has woken the lot: it may wait until its mailbox is read,
 * even if nothing in it is of this lot.
 */
void lot_read_mailboxes(struct lot *lot);
/* Now and then, closes loans that nobody has. */
void lot_look_for_lost_loans(struct lot *lot);
/*
 * Called before a sleep.  Returns when to look at loans again at the latest
 * (clock.h).
 */
int64_t lot_lent_deadline(struct lot *lot);

/* Called when the worker of that slot has said that it keeps the loan. */
void lot_keep_loan(struct lot *lot, struct parked *b, size_t slot,
    const struct loan_record *record);
/* Called before a connection leaves PARKED_KEPT. */
void lot_unkeep_loan(struct lot *lot, const struct parked *b);
/*
 * Recalls that loan if the worker of that slot died when it had just kept it, or
 * was about to serve it; false if it had it in hand.
 */
bool lot_recall_left(struct lot *lot, struct parked *b, size_t slot);
/*
 * Recalls the loans that the worker of that slot, which has died, has kept; or all,
 * because connections are to be closed or to move.
 */
void lot_recall_of_dead(struct lot *lot, size_t slot);
void lot_recall_all(struct lot *lot);
/* Recalls loans whose workers do not get to their clients. */
void lot_look_at_kept(struct lot *lot);
/* In an audit: once a second. */
void lot_audit_kept(struct lot *lot);
/* Returns when to look again, or CLOCK_NEVER. */
int64_t lot_kept_deadline(const struct lot *lot);
/*
 * Goes on with a connection that was lent, and waits for its next request, with
 * what its worker has said of it.
 */
void lot_take_back(
    struct lot *lot, struct parked *b, const struct loan_record *record);
/*
 * Closes the lot's descriptor of a loan alone: its worker may still serve the
 * client, or have sent the connection in a message.
 */
void lot_forget_loan(struct lot *lot, struct parked *b);
/* Closes a loan that nobody has, and ends its connection: parked_release. */
void lot_close_loan(struct lot *lot, struct parked *b);
/*
 * True if a loan that nobody has may be in a message that the lot has not read,
 * and the connection must not be ended: the message names the loan, and drops it.
 */
bool lot_has_moved_perhaps(const struct lot *lot, const struct parked *b);

/* Begins to move: no connection goes to the workers of this server any more. */
void lot_begin_move(struct lot *lot);
/*
 * Called when the other lot has ended: ends the move, and takes back
 * connections that it has not received.
 */
void lot_end_move(struct lot *lot);
/* Sends connections to the other lot, until the channel is full. */
void lot_move(struct lot *lot);

/* Checks whether the bytes that came with a connection complete its request. */
void lot_look_at_bytes(struct lot *lot, struct parked *b);
/* Gives up a response, closes the connection and logs why. */
void lot_give_up_sending(struct lot *lot, struct parked *b, const char *why);
/* Called when its descriptor is ready. */
void lot_act_on_parked(struct lot *lot, struct parked *b);
/* The same, with the events of epoll(7). */
void lot_act_on_events(struct lot *lot, struct parked *b, uint32_t events);
/* Called when its deadline has passed. */
void lot_expire(struct lot *lot, struct parked *b);

#endif
