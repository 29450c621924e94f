/*
 * parked: parked connections (those in the lot), and their queues, one for each
 * state.  All connections in a queue have the same timeout, so the queue is in
 * the order of their deadlines.
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
	PARKED_LENT,	/* for the worker that serves it */
	PARKED_KEPT,	/* for nothing: a worker waits for its next request */
	PARKED_DEAD,	/* closed, but pending events may still refer to it */
	PARKED_STATES
};

/* What the lot has seen of a kept loan, when its client had sent bytes. */
struct parked_look {
	uint32_t number;	  /* of that look */
	uint32_t requests, turns; /* of its client, and of its worker: loan.h */
};

struct parked {
	TAILQ_ENTRY(parked) entry;
	enum parked_state state;
	int fd;
	uint32_t events; /* that epoll reports */
	bool unread;	 /* of what they reported, not all has been read */
	uint32_t loan;	 /* its place in lot.lent, from 1; 0: not lent */
	uint64_t token;	 /* of that loan */
	uint64_t order;	 /* of that loan, among all */
	bool claimed;	 /* in the last audit, a worker had that loan */
	bool suspect;	 /* a worker had received it, and none had it */
	uint32_t slot;	 /* in PARKED_KEPT: of its worker */
	uint32_t place;	 /* and the place: loan.h */
	bool recalled;	 /* a worker may have a copy of its descriptor */
	struct parked_look look; /* the last at its socket, in PARKED_KEPT */
	int64_t since;		 /* when the state, or its last window, began */
	int64_t parked;		 /* when it arrived, or its response was sent */
	int64_t gap;		 /* from then until its request was complete */
	uint32_t requests;	 /* answered on it so far */
	uint32_t wanted;	 /* bytes, in PARKED_COLLECT: collect.h */
	bool chunked;		 /* in PARKED_COLLECT: the content is chunked */
	bool continued;		 /* 100 Continue was sent for its request */
	uint64_t moved;	 /* bytes since then: _COLLECT, _SEND, _LINGER */
	uint64_t queued; /* parked_queued then: _SEND; _IDLE: or 0 */
	uint64_t sent;	 /* bytes of a response since it arrived */
	struct stall_mark stall; /* of its last response */
	bool request_timed_out; /* the client took too long to send a request */
	bool collected;		/* it has been in PARKED_COLLECT */
	bool close_after;	/* after its response, it lingers and closes */
	struct request_head_scan scan;
	struct collect collect; /* of PARKED_COLLECT */
	struct peer peer;
	uint64_t client; /* client_limit.h */
	char *bytes;	 /* received, for a worker; owned; NULL if none */
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
	size_t count;	    /* of all except the dead */
	size_t descriptors; /* of all, including those of responses */
	size_t memory;	    /* bytes */
	size_t beside;	    /* bytes of that for each socket in the kernel */
	uint64_t deferred;  /* bytes of responses, in addition to memory */
};

/* -1 with errno.  All limits are CLOCK_NEVER. */
int parked_all_init(struct parked_all *all);
/* Closes and frees all connections. */
void parked_all_free(struct parked_all *all);

/*
 * Adds a connection, which owns fd, and watches it.  If it cannot be watched,
 * logs that the caller closes it, and returns NULL with errno.
 */
struct parked *parked_new(
    struct parked_all *all, int fd, enum parked_state state);
/*
 * Changes its state, and appends it to the queue of that state.  In PARKED_READY
 * and PARKED_LENT the connection stays watched as it was, so that no system call
 * is needed: parked_note_unread.
 */
void parked_enter(
    struct parked_all *all, struct parked *b, enum parked_state state);
/*
 * Called when an event has no use in the state.  After the second, it is not
 * watched any more until its next state.
 */
void parked_note_unread(const struct parked_all *all, struct parked *b);
/* Called in a state in which a worker waits for the client: watches no more. */
void parked_watch_nothing(const struct parked_all *all, struct parked *b);
/* Forgets the request that a worker now has, and what it knew of it. */
void parked_forget_request(struct parked_all *all, struct parked *b);
/* Takes over a deferred response, to be sent. */
void parked_set_deferred(
    struct parked_all *all, struct parked *b, const struct deferred *deferred);
void parked_add_bytes(
    struct parked_all *all, struct parked *b, const char *bytes, size_t len);
/*
 * Returns the bytes of the response that the client has received since the
 * state, or its last window, began; bytes in the kernel do not count.
 */
uint64_t parked_taken(const struct parked *b);
/*
 * Returns the bytes that the kernel has for the client: sent, and not yet
 * acknowledged (Unix sockets: not yet read).
 */
uint64_t parked_queued(const struct parked *b);
/*
 * Returns the connection in PARKED_SEND with the slowest client, of those that
 * arrived before that time (clock.h); if with_copy, only of those with a
 * response in memory, at least in part.  NULL if there is none.
 */
struct parked *parked_all_slowest(
    const struct parked_all *all, int64_t before, bool with_copy);
/* Returns its state for another process; see channel_send. */
struct handoff parked_handoff(const struct parked *b);
/*
 * Closes its descriptor, and ends the connection if a worker may have another one
 * that it should have closed.  Its memory stays until parked_all_free_closed.
 */
void parked_release(struct parked_all *all, struct parked *b);
/* As parked_release, but the connection goes on elsewhere. */
void parked_give_away(struct parked_all *all, struct parked *b);
/* Frees dead connections, when no pending event can refer to them. */
void parked_all_free_closed(struct parked_all *all);

/* Returns the connection that has waited longest in that state, or NULL. */
struct parked *parked_all_first(
    const struct parked_all *all, enum parked_state state);
/* Returns the first whose deadline has passed, or NULL. */
struct parked *parked_all_timed_out(const struct parked_all *all, int64_t now);
/* Returns the next deadline, or CLOCK_NEVER. */
int64_t parked_all_deadline(const struct parked_all *all);

/* Watches another descriptor in the same epoll.  -1 with errno. */
int parked_all_watch(
    const struct parked_all *all, int fd, uint32_t events, void *what);
void parked_all_unwatch(const struct parked_all *all, int fd);

#endif
