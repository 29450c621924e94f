/*
 * loan: connections that the lot lends to workers.  The lot keeps its own
 * descriptor of such a connection, and a worker gets a copy with the message
 * that hands the request over (channel.h).  When the worker needs it no longer,
 * it closes the copy and writes a record into its mailbox; that is no system
 * call.  The lot reads the mailboxes when it runs, and a worker wakes it only if
 * it could sleep too long.
 *
 * As long as the lot does not know that a worker has closed its copy, the client
 * does not learn it either: a worker may not shut down a socket, as it shares some
 * with others (seccomp.h).  So the lot does not lend a connection whose request
 * says in the usual words that it is the last, or is of HTTP/1.0 without
 * keep-alive (lent.c).  If a worker closes another, because it refuses a request
 * for example, while the lot stands still, the client learns it when the lot goes
 * on, or the master replaces it.
 *
 * A mailbox is memory that one worker, the lot and the master share: other workers
 * unmap it before they begin.  The name of a loan has a random token, so
 * that nobody can guess it; the lot checks each name, and ignores what names no
 * present loan.
 *
 * A worker that was taken over can do this much.  All workers receive from one
 * channel, so it can take what is for others, or look at it (MSG_PEEK) and learn
 * the tokens of loans that others are about to receive.  It can give these back,
 * too early: the lot then closes the connection, ends its sending side, or lends
 * it a second time while the first worker still serves it.  So clients of others
 * may lose their connections or get broken responses, as they do when it takes
 * their requests.  It can also change those of its own records that the lot has
 * not read yet, which concern clients that it has served.  Where workers keep
 * loans, it has the descriptors of all clients that it keeps.
 *
 * A worker may die with a loan.  When the master reaps it, before its slot is
 * used again, it tells the lot which loan the worker had, so that the lot closes
 * the connection at once, unless the worker had just kept it.
 *
 * A worker may also keep loans between requests, and wait for the next requests
 * itself: then nobody hands them over.  The lot keeps an eye on such clients,
 * and recalls a loan if the worker does not get to its client, has died, or if
 * the lot wants to close connections.  Whose turn it is, is one word in the mailbox
 * for each kept loan: the worker serves the client, and the lot recalls the loan,
 * after it has changed that word from KEPT.  A worker that stands still has its
 * copy of the descriptor after that, too: of a connection that was recalled, only
 * a shutdown tells the client that it is over.  The lot does that, whoever has
 * served the client since: it is told of that with the descriptor (channel.h).
 */
#ifndef TINED_SHARED_LOAN_H
#define TINED_SHARED_LOAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/stall.h"
#include "shared/wakeup.h"

/*
 * A mailbox holds so many records that the lot has not read: the bits of a word.
 * The first page is enough for most of them; the others take no memory before
 * there are many, or loans are kept.
 */
#define LOAN_RECORDS 64
/* Of the workers that have died, the lot is told so many at most. */
#define LOAN_DEATHS 64
/* A worker keeps so many loans at most. */
#define LOAN_KEPT_MAX 512

struct loan_name {
	uint32_t place; /* in the table of the lot, from 1; 0: no loan */
	uint32_t lot;	/* the number of the lot: score_lot_number */
	uint64_t token;
};

/* What is to become of the connection. */
enum loan_end {
	LOAN_WAITS,   /* the client may ask again */
	LOAN_LINGERS, /* it is over, but the client may still send */
	LOAN_CLOSES,  /* it is over */
	LOAN_MOVES,   /* the lot has another descriptor of it */
	LOAN_KEPT,    /* the worker waits for its next request itself */
	LOAN_RETURNS, /* no more: as LOAN_WAITS, of one that was kept */
	LOAN_ENDS
};

struct loan_record {
	struct loan_name name;
	enum loan_end end;
	uint32_t requests; /* answered on this connection so far */
	uint32_t place;	   /* LOAN_KEPT: among those that this worker keeps */
	int64_t since;	   /* clock_now() */
	struct stall_mark stall; /* of its last response */
};

struct loans {
	char *at;     /* the deaths, then a mailbox for each slot */
	size_t page;  /* the size of each of these: some pages */
	size_t count; /* of slots */
	struct wakeup
	    returned; /* to the lot: look at the mailboxes, or go on */
};

/* Shared with processes that are forked later.  NULL with errno. */
struct loans *loans_create(size_t slots);
void loans_free(struct loans *l);
/*
 * In a child: unmaps all but the mailbox of that slot; slot == count: all.  -1
 * with errno.
 */
int loans_confine(struct loans *l, size_t slot);

/* Called by a worker that has received that loan: it has it. */
void loan_claim(struct loans *l, size_t slot, const struct loan_name *name);
/*
 * Called by the worker that has the loan: it does not have it any more.  False
 * if the mailbox is full, and the worker still has it.
 */
bool loan_give_back(
    struct loans *l, size_t slot, const struct loan_record *record);
/* True if the lot has not read all records of that mailbox. */
bool loan_is_unread(const struct loans *l, size_t slot);
/*
 * As loan_give_back, without a record: the lot finds out later that nobody has
 * this loan.
 */
void loan_disclaim(struct loans *l, size_t slot);
/*
 * Returns the loan that this worker says it has.  Its members are not checked,
 * and while it changes they may be of different loans.
 */
struct loan_name loan_claimed(const struct loans *l, size_t slot);

/*
 * The next six are called by the worker that has the loan.  loan_keep_place
 * returns a place for a loan to keep, or LOAN_KEPT_MAX; the lot may still need
 * those of a worker that has died.
 */
uint32_t loan_keep_place(const struct loans *l, size_t slot);
/*
 * It has served the client, and waits for the next request: record.place.  Until
 * it disclaims the loan, or tells the lot of it, its death is told with the loan, so
 * that the lot finds it.
 */
void loan_keep(struct loans *l, size_t slot, const struct loan_record *record);
/* True if it may serve the client; false if the lot has recalled the loan. */
bool loan_kept_take(
    struct loans *l, size_t slot, uint32_t place, const struct loan_name *name);
/*
 * As loan_kept_take, by a worker that has another loan, which stays the one that it
 * says it has: to send the client to the lot in a message.
 */
bool loan_kept_hold(
    struct loans *l, size_t slot, uint32_t place, const struct loan_name *name);
/*
 * As loan_give_back, of a loan that the worker keeps, while it may have another one.
 * The lot may have recalled it at the same moment: it then finds no loan of that
 * name, and nothing else happens.
 */
bool loan_return(
    struct loans *l, size_t slot, const struct loan_record *record);
/* It does not keep that loan any more. */
void loan_kept_end(struct loans *l, size_t slot, uint32_t place);

/* What the lot finds at a place. */
enum loan_kept {
	LOAN_KEPT_WAITS,    /* for the client's next request */
	LOAN_KEPT_SERVES,   /* it has that request */
	LOAN_KEPT_LEFT,	    /* its worker has died while it waited */
	LOAN_KEPT_ELSEWHERE /* that loan is not kept there */
};

/* The next six are called by the lot. */
enum loan_kept loan_kept_look(
    const struct loans *l, size_t slot, uint32_t place, uint64_t token);
/* Returns where that loan is LOAN_KEPT_LEFT, or LOAN_KEPT_MAX. */
uint32_t loan_left_place(const struct loans *l, size_t slot, uint64_t token);
/* How often that worker has begun to serve a client that it kept. */
uint32_t loan_kept_turns(const struct loans *l, size_t slot);
/*
 * How many requests were answered on the connection, and when its worker began to
 * wait last; not checked.
 */
uint32_t loan_kept_requests(const struct loans *l, size_t slot, uint32_t place);
int64_t loan_kept_since(const struct loans *l, size_t slot, uint32_t place);
/*
 * True if the lot has the client again, with what the worker has written of it
 * last, which is not checked.
 */
bool loan_recall(struct loans *l, size_t slot, uint32_t place, uint64_t token,
    struct loan_record *record);

/* Called by the master when the worker of that slot has died. */
void loan_note_death(struct loans *l, size_t slot);

/*
 * Called by a lot that starts: what others were told does not concern it.  used
 * is the number of slots that ever had a worker.  Returns the number of deaths so
 * far.
 */
unsigned loans_begin(struct loans *l, size_t used);
/*
 * Called by the lot: gets a record of that mailbox; false if there is none.  A
 * record with an unknown end names no loan; the rest is not checked.  Records have
 * no order.
 */
bool loan_next(struct loans *l, size_t slot, struct loan_record *record);
/*
 * Gets the loan that the next dead worker had in hand, perhaps none, and its slot,
 * and counts it.  Some may be left out.
 */
bool loan_next_death(const struct loans *l, unsigned *deaths,
    struct loan_name *name, size_t *slot);
#endif
