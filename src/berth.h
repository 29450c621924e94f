/*
 * berth: the place of a connection in the lot, and the queues that berths
 * stand in, one for each thing that they wait for.  In a queue all wait equally
 * long, so that it is in the order of its deadlines.
 */
#ifndef TINED_BERTH_H
#define TINED_BERTH_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collect.h"
#include "handoff.h"
#include "head.h"

enum berth_state {
	BERTH_IDLE,    /* for the first byte of a request */
	BERTH_HEAD,    /* for the rest of a head */
	BERTH_COLLECT, /* for content */
	BERTH_READY,   /* for a worker */
	BERTH_SEND,    /* for the client to take a response */
	BERTH_LINGER,  /* for the client to close */
	BERTH_DEAD,    /* for the events at hand to be done with */
	BERTH_STATES
};

struct berth {
	TAILQ_ENTRY(berth) entry;
	enum berth_state state;
	int fd;
	int64_t since;	   /* when the state began, or its last window */
	int64_t parked;	   /* when it came here, or its response was sent */
	int64_t gap;	   /* from then until its request was complete */
	uint32_t requests; /* answered on it so far */
	uint32_t wanted;   /* bytes, of BERTH_COLLECT: collect.h */
	bool chunked;	   /* so is that */
	bool continued;	   /* 100 Continue was sent for its request */
	uint64_t moved;	   /* bytes since then: _COLLECT, _SEND, _LINGER */
	uint64_t queued;   /* bytes that the kernel held then, of _SEND */
	uint64_t sent;	   /* bytes of a response since it came here */
	bool late;	   /* what it should have sent took too long */
	bool collected;	   /* it has been in BERTH_COLLECT */
	bool last;	   /* it lingers after its rest is sent */
	struct head_scan scan;
	struct collect collect; /* of BERTH_COLLECT */
	struct peer peer;
	uint64_t client; /* share.h */
	char *bytes;	 /* unread by a worker; owned; NULL if there are none */
	size_t len;
	/* Of BERTH_SEND, or BERTH_READY to be sent by a worker; owned; or
	 * NULL. */
	struct rest *rest;
};

TAILQ_HEAD(berth_queue, berth);

struct berths {
	int epoll;
	struct berth_queue queues[BERTH_STATES];
	int64_t limits[BERTH_STATES]; /* nanoseconds */
	size_t counts[BERTH_STATES];
	size_t count;	    /* of all but the dead */
	size_t descriptors; /* that they hold: of rests too */
	size_t memory;	    /* bytes that they take */
	size_t beside;	    /* bytes of that each takes in the kernel */
	uint64_t deferred;  /* bytes of responses that they hold, beside that */
};

/* -1 with errno.  All limits are CLOCK_NEVER. */
int berths_init(struct berths *all);
/* Releases and buries all. */
void berths_free(struct berths *all);

/*
 * Watched for what its state waits for; the descriptor is its own.  NULL with
 * errno when it cannot be watched: it is closed then, which the log has.
 */
struct berth *berth_new(struct berths *all, int fd, enum berth_state state);
/* Begins to wait for something else, behind all who do. */
void berth_enter(struct berths *all, struct berth *b, enum berth_state state);
/* Takes over the rest, to be sent. */
void berth_set_rest(
    struct berths *all, struct berth *b, const struct rest *rest);
void berth_add_bytes(
    struct berths *all, struct berth *b, const char *bytes, size_t len);
/*
 * Bytes of a response that the client has taken since the state, or the last
 * window, began: what was sent may be in the kernel still.
 */
uint64_t berth_taken(const struct berth *b);
/*
 * Of those in BERTH_SEND who came before that time (clock.h), the one that has
 * taken least for its time; with_copy: of those whose response is a copy in
 * memory, at least in part.  NULL: there is none.
 */
struct berth *berths_slowest(
    const struct berths *all, int64_t before, bool with_copy);
/* As it goes to another process; see handoff_send. */
struct handoff berth_handoff(const struct berth *b);
/* Closes its descriptor.  Its memory stays until berths_bury. */
void berth_release(struct berths *all, struct berth *b);
/* When the events at hand are done with: some may be of dead berths. */
void berths_bury(struct berths *all);

/* The one that has waited longest, or NULL. */
struct berth *berths_first(const struct berths *all, enum berth_state state);
/* The first whose time is over, or NULL. */
struct berth *berths_overdue(const struct berths *all, int64_t now);
/* When the next one's time is over, or CLOCK_NEVER. */
int64_t berths_deadline(const struct berths *all);

/* Descriptors that are no berths', in the same epoll.  -1 with errno. */
int berths_watch(const struct berths *all, int fd, uint32_t events, void *what);
void berths_unwatch(const struct berths *all, int fd);

#endif
