/*
 * parked: the place of a connection in the lot, and the queues that
 * parked stand in, one for each thing that they wait for.  In a queue all wait
 * equally long, so that it is in the order of its deadlines.
 */
#ifndef TINED_PROCESS_LOT_PARKED_H
#define TINED_PROCESS_LOT_PARKED_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/collect.h"
#include "http/request_head.h"
#include "shared/channel.h"

enum parked_state {
	PARKED_IDLE,	/* for the first byte of a request */
	PARKED_HEAD,	/* for the rest of a head */
	PARKED_COLLECT, /* for content */
	PARKED_READY,	/* for a worker */
	PARKED_SEND,	/* for the client to take a response */
	PARKED_LINGER,	/* for the client to close */
	PARKED_DEAD,	/* for the events at hand to be done with */
	PARKED_STATES
};

struct parked {
	TAILQ_ENTRY(parked) entry;
	enum parked_state state;
	int fd;
	int64_t since;	   /* when the state began, or its last window */
	int64_t parked;	   /* when it came here, or its response was sent */
	int64_t gap;	   /* from then until its request was complete */
	uint32_t requests; /* answered on it so far */
	uint32_t wanted;   /* bytes, of PARKED_COLLECT: collect.h */
	bool chunked;	   /* so is that */
	bool continued;	   /* 100 Continue was sent for its request */
	uint64_t moved;	   /* bytes since then: _COLLECT, _SEND, _LINGER */
	uint64_t queued;   /* bytes that the kernel held then, of _SEND */
	uint64_t sent;	   /* bytes of a response since it came here */
	bool late;	   /* what it should have sent took too long */
	bool collected;	   /* it has been in PARKED_COLLECT */
	bool last;	   /* it lingers after its rest is sent */
	struct request_head_scan scan;
	struct collect collect; /* of PARKED_COLLECT */
	struct peer peer;
	uint64_t client; /* client_limit.h */
	char *bytes;	 /* unread by a worker; owned; NULL if there are none */
	size_t len;
	/* Of PARKED_SEND, or PARKED_READY to be sent by a worker; owned; or
	 * NULL. */
	struct deferred *deferred;
};

TAILQ_HEAD(parked_queue, parked);

struct parked_all {
	int epoll;
	struct parked_queue queues[PARKED_STATES];
	int64_t limits[PARKED_STATES]; /* nanoseconds */
	size_t counts[PARKED_STATES];
	size_t count;	    /* of all but the dead */
	size_t descriptors; /* that they hold: of rests too */
	size_t memory;	    /* bytes that they take */
	size_t beside;	    /* bytes of that each takes in the kernel */
	uint64_t deferred;  /* bytes of responses that they hold, beside that */
};

/* -1 with errno.  All limits are CLOCK_NEVER. */
int parked_all_init(struct parked_all *all);
/* Releases and buries all. */
void parked_all_free(struct parked_all *all);

/*
 * Watched for what its state waits for; the descriptor is its own.  NULL with
 * errno when it cannot be watched: it is closed then, which the log has.
 */
struct parked *parked_new(
    struct parked_all *all, int fd, enum parked_state state);
/* Begins to wait for something else, behind all who do. */
void parked_enter(
    struct parked_all *all, struct parked *b, enum parked_state state);
/* Takes over the rest, to be sent. */
void parked_set_deferred(
    struct parked_all *all, struct parked *b, const struct deferred *deferred);
void parked_add_bytes(
    struct parked_all *all, struct parked *b, const char *bytes, size_t len);
/*
 * Bytes of a response that the client has taken since the state, or the last
 * window, began: what was sent may be in the kernel still.
 */
uint64_t parked_taken(const struct parked *b);
/*
 * Of those in PARKED_SEND who came before that time (clock.h), the one that has
 * taken least for its time; with_copy: of those whose response is a copy in
 * memory, at least in part.  NULL: there is none.
 */
struct parked *parked_all_slowest(
    const struct parked_all *all, int64_t before, bool with_copy);
/* As it goes to another process; see channel_send. */
struct handoff parked_handoff(const struct parked *b);
/* Closes its descriptor.  Its memory stays until parked_all_free_closed. */
void parked_release(struct parked_all *all, struct parked *b);
/* When the events at hand are done with: some may be of dead parked. */
void parked_all_free_closed(struct parked_all *all);

/* The one that has waited longest, or NULL. */
struct parked *parked_all_first(
    const struct parked_all *all, enum parked_state state);
/* The first whose time is over, or NULL. */
struct parked *parked_all_timed_out(const struct parked_all *all, int64_t now);
/* When the next one's time is over, or CLOCK_NEVER. */
int64_t parked_all_deadline(const struct parked_all *all);

/* Descriptors that are no parked', in the same epoll.  -1 with errno. */
int parked_all_watch(
    const struct parked_all *all, int fd, uint32_t events, void *what);
void parked_all_unwatch(const struct parked_all *all, int fd);

#endif
