/*
 * scoreboard_types: what the scoreboard has, as all processes know it: the
 * states, counters and events, and the parts that the master and the lot write.
 */
#ifndef TINED_SHARED_SCOREBOARD_TYPES_H
#define TINED_SHARED_SCOREBOARD_TYPES_H

#include <sys/types.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/histogram.h"
#include "net/stall.h"
#include "shared/quarantine.h"
#include "shared/shared_memory.h"

enum score_state {
	SCORE_VACANT,	 /* there is no worker */
	SCORE_STARTING,	 /* forked, not yet waiting */
	SCORE_IDLE,	 /* waiting for a connection */
	SCORE_READING,	 /* waiting for a request or the rest of one */
	SCORE_RUNNING,	 /* a handler is running */
	SCORE_WRITING,	 /* sending the response or a part of it */
	SCORE_WAITING,	 /* a handler waits by tined_wait */
	SCORE_LINGERING, /* waiting for the client to close */
	SCORE_STOPPING,
	SCORE_STATES
};

/* The counters of each slot. */
enum score_count {
	COUNT_CONNECTIONS, /* accepted by the worker */
	COUNT_HANDED,	   /* connections that the lot handed to it */
	COUNT_REQUESTS,	   /* answered */
	COUNT_REUSED,	   /* of those: not the first on their connection */
	COUNT_RESPONSES,   /* with status code 1xx; 2xx to 5xx follow */
	COUNT_RESPONSES_5XX = COUNT_RESPONSES + 4,
	COUNT_SENT,	      /* bytes, heads and framing too */
	COUNT_RECEIVED,	      /* bytes of content */
	COUNT_ABORTED,	      /* responses that were cut off */
	COUNT_QUEUE_TIMEOUTS, /* 503 by --queue-timeout */
	COUNT_SPLIT,	      /* several sends, although one was enough */
	COUNT_LATENCY,	      /* nanoseconds, the sum over all requests */
	SCORE_COUNTS
};

/* Events that the master counts. */
enum score_event {
	EVENT_STARTED,	 /* workers */
	EVENT_CRASHED,	 /* workers that crashed */
	EVENT_KILLED,	 /* workers killed by a signal from outside */
	EVENT_TIMED_OUT, /* workers that took too long: request_timeout.h */
	EVENT_RECYCLED,	 /* workers replaced by recycle.h */
	EVENT_RETIRED,	 /* workers that were not needed */
	EVENT_RELOADS,
	EVENT_LOTS, /* started */
	SCORE_EVENTS
};

/* What a connection in the lot waits for. */
enum score_wait {
	WAIT_IDLE,   /* a request */
	WAIT_HEAD,   /* the rest of a head */
	WAIT_BODY,   /* the rest of content */
	WAIT_WORKER, /* a free worker */
	WAIT_SEND,   /* the client to receive its response */
	WAIT_LINGER, /* the client to close */
	WAIT_LENT,   /* the worker that serves it: it is lent, not in the lot */
	SCORE_WAITS
};

/* The outcome of a request whose worker crashed or was ended. */
enum score_fate {
	SCORE_UNKNOWN,	/* or there was no request */
	SCORE_ANSWERED, /* the client got an error in its place */
	SCORE_CUT_OFF,	/* a part of the response had been sent */
};

#define SCORE_REQUEST_MAX 256
#define SCORE_CLIENT_MAX 64
#define SCORE_ALIGNMENT 64 /* a cache line */

/* A bit a slot: one that dies idle can be taken out by the master, once. */
#define SCOREBOARD_IDLE_BITS 64
#define SCOREBOARD_WORKERS_MAX 4096
/* Each worker may have a successor before it has ended. */
#define SCOREBOARD_SLOTS_MAX ((size_t)2 * SCOREBOARD_WORKERS_MAX)

/* Written by the master only. */
struct score_server {
	atomic_bool stopping; /* the whole server, not one worker */
	atomic_size_t used;   /* slots that ever had a worker */
	/* A bit for each slot that has one: scoreboard_use. */
	atomic_uint_least64_t
	    present[SCOREBOARD_SLOTS_MAX / SCOREBOARD_IDLE_BITS];
	atomic_uint_least64_t events[SCORE_EVENTS];
	struct quarantine_list held;
};

/* Stalls by cause (stall.h): a histogram of each, and nanoseconds. */
struct score_stalls {
	atomic_uint_least64_t counts[STALL_CAUSES][HISTOGRAM_BUCKETS];
	atomic_uint_least64_t time[STALL_CAUSES];
};

/* By the lot, and by the master while there is none. */
struct score_lot {
	_Atomic pid_t pid; /* 0: there is none, or it has not started yet */
	atomic_uint_least64_t waiting[SCORE_WAITS]; /* now */
	atomic_uint_least64_t peak;		    /* of all these together */
	atomic_uint_least64_t room;		    /* how many it takes */
	atomic_uint_least64_t accepted, evicted;
	atomic_uint_least64_t aborted; /* responses that were cut off */
	atomic_uint_least64_t strays;  /* given back, but not lent */
	struct score_stalls stalls;    /* of connections that end there */
	atomic_uint logs;	       /* as in struct score */
	atomic_uint number; /* of this lot, random; 0: there is none */
	atomic_uint_least64_t deferred; /* bytes of responses that it holds */
	_Atomic int64_t due;		/* score_lot_sleep */
	atomic_bool full;		/* what is parked would have to wait */
	atomic_bool wants_loans;	/* score_lot_wants_loans */
	atomic_bool drained; /* in a stop: it has no more for workers */
	atomic_bool
	    shares_wanted; /* a client waits for its share: client_limit.h */
	/* Connections; workers look at it with each request. */
	_Alignas(SCORE_ALIGNMENT) atomic_uint_least64_t handed;
	atomic_uint_least64_t room_at; /* score_lot_await_room */
};

struct score;	     /* a slot: scoreboard_raw.h */
struct score_common; /* what all processes write: scoreboard_raw.h */

struct scoreboard {
	size_t count;	 /* of slots */
	int64_t started; /* clock_now() */
	struct score_server *server;
	struct score_lot *lot;
	struct score_common *common;
	char *slots; /* scoreboard_slot */
	size_t stride;
	bool has_lot; /* unless --no-lot */
	struct shared_memory memory;
};

#endif
