/*
 * scoreboard: the state of all processes, in memory that all of them can read.
 * Each part is written by one process only: the master, the lot, or the worker
 * of a slot.  All processes can write a few hints.  A slot outlives its worker,
 * so that the master can log what a dead worker was doing.  Its counters
 * continue with the next worker, so that their sums never decrease.
 *
 * An attacker who takes over a worker can write anything into its slot.  Only
 * the functions here read it, and they return only values in their valid range.
 * A wrong value within that range is a false report and does no other harm.
 * Values that must be true are in struct scoreboard, which is private memory of
 * each process.  (scoreboard_lot.c has the functions for the lot.)
 */
#ifndef TINED_SHARED_SCOREBOARD_H
#define TINED_SHARED_SCOREBOARD_H

#include <sys/types.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/histogram.h"
#include "base/text.h"
#include "shared/quarantine.h"
#include "shared/shared_memory.h"

enum score_state {
	SCORE_VACANT,	 /* there is no worker */
	SCORE_STARTING,	 /* forked, not yet waiting */
	SCORE_IDLE,	 /* waiting for a connection */
	SCORE_READING,	 /* waiting for a request or the rest of one */
	SCORE_RUNNING,	 /* a handler is running */
	SCORE_WRITING,	 /* sending the response or a part of it */
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
	COUNT_STALLS,	      /* the kernel held back the end of a response */
	COUNT_LATENCY,	      /* nanoseconds, the sum over all requests */
	SCORE_COUNTS
};

/* Events that the master counts. */
enum score_event {
	EVENT_STARTED,	 /* workers */
	EVENT_CRASHED,	 /* workers that crashed */
	EVENT_KILLED,	 /* workers killed by a signal from outside */
	EVENT_TIMED_OUT, /* workers: --request-timeout, --start-timeout */
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
#define SCORE_ALIGNMENT 64 /* a cache line: slots never share one */

struct score {
	_Alignas(SCORE_ALIGNMENT) _Atomic pid_t pid;
	_Atomic int state;     /* enum score_state */
	_Atomic int64_t since; /* clock_now() of the last change */
	_Atomic int64_t began; /* when the current request began */
	_Atomic int64_t came;  /* when the current client came */
	_Atomic int fate;      /* enum score_fate */
	_Atomic int status;    /* that its client got, if fate says so */
	atomic_uint_least64_t content; /* and bytes of content */
	atomic_uint_least64_t counts[SCORE_COUNTS];
	atomic_uint_least64_t latency[HISTOGRAM_BUCKETS];
	atomic_uint_least64_t spent[SCORE_STATES]; /* nanoseconds */
	/* The counters when the current worker began. */
	atomic_uint_least64_t marks[SCORE_COUNTS];
	/* A reading of the strings, and of state, since and spent, is
	 * consistent if sequence was even and has not changed. */
	atomic_uint sequence;
	atomic_uint logs; /* the notice it has followed: log_follow.h */
	char request[SCORE_REQUEST_MAX]; /* the request line, cut */
	char client[SCORE_CLIENT_MAX];
	struct quarantine_place place;	/* quarantine.h */
	atomic_uint_least64_t serving;	/* client_limit.h */
	atomic_uint_least64_t deferred; /* deferred_budget.h */
};

/* A slot as it was at one moment. */
struct score_reading {
	pid_t pid;
	enum score_state state;
	int64_t since, began;
	enum score_fate fate;
	int status;
	uint64_t content;
	uint64_t spent[SCORE_STATES];	     /* up to now */
	uint64_t counts[SCORE_COUNTS];	     /* of all workers of this slot */
	uint64_t latency[HISTOGRAM_BUCKETS]; /* the same */
	uint64_t requests, bytes;	     /* of the current worker */
	char request[SCORE_REQUEST_MAX];
	char client[SCORE_CLIENT_MAX];
};

/* A bit a slot: one that dies idle can be taken out by the master, once. */
#define SCOREBOARD_IDLE_BITS 64
#define SCOREBOARD_WORKERS_MAX 4096
/* Each worker may have a successor before it has ended. */
#define SCOREBOARD_SLOTS_MAX ((size_t)2 * SCOREBOARD_WORKERS_MAX)

/* Written by the master only. */
struct score_server {
	atomic_bool stopping; /* the whole server, not one worker */
	atomic_size_t used;   /* slots that ever had a worker */
	atomic_uint_least64_t events[SCORE_EVENTS];
	struct quarantine_list held;
};

/* By the lot, and by the master while there is none. */
struct score_lot {
	_Atomic pid_t pid; /* 0: there is none, or it has not started yet */
	atomic_uint_least64_t waiting[SCORE_WAITS]; /* now */
	atomic_uint_least64_t peak;		    /* of all these together */
	atomic_uint_least64_t room;		    /* how many it takes */
	atomic_uint_least64_t accepted, evicted;
	atomic_uint_least64_t aborted;	/* responses that were cut off */
	atomic_uint logs;		/* as in struct score */
	atomic_uint_least64_t deferred; /* bytes of responses that it holds */
	_Atomic int64_t due;		/* score_lot_sleep */
	atomic_bool full;		/* what is parked would have to wait */
	atomic_bool drained; /* in a stop: it has no more for workers */
	atomic_bool
	    shares_wanted; /* a client waits for its share: client_limit.h */
	/* Connections; workers look at it with each request. */
	_Alignas(SCORE_ALIGNMENT) atomic_uint_least64_t handed;
};

/*
 * By everybody: hints, on which nothing but the number of workers, the time of
 * a wait, and a reload now and then depends.
 */
struct score_hints {
	atomic_bool asleep;	   /* the master is, until somebody has work */
	atomic_bool reload_wanted; /* scoreboard_want_reload */
	atomic_size_t idle_wanted; /* scoreboard_want_idle */
	_Atomic pid_t leaving;	   /* scoreboard_may_leave */
	/* Of those that the lot has handed: by workers, or lost with one. */
	_Alignas(SCORE_ALIGNMENT) atomic_uint_least64_t taken;
	atomic_uint_least64_t idle[SCOREBOARD_SLOTS_MAX / SCOREBOARD_IDLE_BITS];
};

struct scoreboard {
	size_t count;	 /* of slots */
	int64_t started; /* clock_now() */
	struct score_server *server;
	struct score_lot *lot;
	struct score_hints *hints;
	char *slots; /* scoreboard_slot */
	size_t stride;
	bool has_lot; /* unless --no-lot */
	struct shared_memory memory;
};

/* What a process may write, beside the hints. */
enum scoreboard_writer {
	SCOREBOARD_READER, /* nothing, and no hints either */
	SCOREBOARD_WORKER, /* its slot */
	SCOREBOARD_LOT,	   /* the part of the lot, and all slots */
};

/* Shared with all processes that are forked later.  NULL with errno. */
struct scoreboard *scoreboard_create(size_t count);
void scoreboard_free(struct scoreboard *board);
/*
 * In a child: restricts it permanently to what that writer may write; it dies
 * if it writes elsewhere.  slot is a worker's own slot.  -1 with errno.
 */
int scoreboard_confine(
    struct scoreboard *board, enum scoreboard_writer writer, size_t slot);
/* Returns slot i < count. */
struct score *scoreboard_slot(const struct scoreboard *board, size_t i);
/* Called by the master before it starts a worker in that slot. */
void scoreboard_use(struct scoreboard *board, size_t slot);

/* Called by the worker that owns the slot: */
void score_start(struct score *s, pid_t pid);
/* Returns clock_now(). */
int64_t score_enter(struct score *s, enum score_state state);
void score_connection(struct score *s, struct text client);
void score_request(struct score *s, struct text line);
/* Begins a request, in SCORE_RUNNING.  Returns clock_now(). */
int64_t score_begin(struct score *s, struct text line);
/* Async-signal-safe. */
void score_fate(
    struct score *s, enum score_fate fate, int status, uint64_t content);
/* Returns when SCORE_RUNNING began; CLOCK_NEVER in another state. */
int64_t score_running_since(const struct score *s);
enum score_state score_state(const struct score *s);
void score_add(struct score *s, enum score_count what, uint64_t n);
/* Counts a response with that status code; ignores invalid ones. */
void score_add_status(struct score *s, int status);
/* Counts a request that has taken that many nanoseconds. */
void score_add_latency(struct score *s, int64_t latency);
/* Called when it has received a connection that the lot has handed over. */
void score_lot_taken(struct scoreboard *board);

/* Called by the lot.  room is the number of connections that it can hold. */
void score_lot_start(struct score_lot *lot, size_t room);
void score_lot_set(struct score_lot *lot, enum score_wait what, size_t n);
void score_lot_peak(struct score_lot *lot, size_t all);
/* Sets the bytes of deferred responses in the lot (deferred_budget.h). */
void score_lot_deferred(struct score_lot *lot, uint64_t bytes);
void score_lot_drained(struct score_lot *lot);
void score_lot_accepted(struct score_lot *lot);
void score_lot_evicted(struct score_lot *lot);
void score_lot_aborted(struct score_lot *lot);
void score_lot_handed(struct score_lot *lot);
/*
 * Its heartbeat.  It sleeps until that time (clock.h) at the latest, or, with
 * CLOCK_NEVER, until somebody has something for it; and it goes on.
 */
void score_lot_sleep(struct score_lot *lot, int64_t until);
void score_lot_wake(struct score_lot *lot);
/* Of those that seem to be on their way, that many were lost. */
void score_lot_settle(struct scoreboard *board, int64_t count);

/* Called by the master when the worker of that slot, or the lot, has ended. */
void score_end(struct score *s);
void score_lot_end(struct score_lot *lot);
void scoreboard_add(struct scoreboard *board, enum score_event what);

/* Whether the worker of that slot, or any worker, waits for a connection. */
void scoreboard_set_idle(struct scoreboard *board, size_t slot, bool idle);
bool scoreboard_is_idle(const struct scoreboard *board, size_t slot);
bool scoreboard_has_idle(struct scoreboard *board);
/* Called by a worker that has work: true if it must wake the master. */
bool scoreboard_wake(struct scoreboard *board);
/* Counts idle workers, up to about enough. */
size_t scoreboard_count_idle(struct scoreboard *board, size_t enough);
/*
 * Called by the master: asks to be woken by the worker that leaves fewer than
 * wanted workers idle; 0: by none.  False if there are fewer already: then no
 * worker wakes it.
 */
bool scoreboard_want_idle(struct scoreboard *board, size_t wanted);
/*
 * Called by a worker whose mounted directory was removed: requests a reload.
 * True if it is the first to do so, and must wake the master.
 */
bool scoreboard_want_reload(struct scoreboard *board);
/* Called by the master: whether a worker requests a reload; it begins one. */
bool scoreboard_wants_reload(const struct scoreboard *board);
void scoreboard_reloads(struct scoreboard *board);
/*
 * Called by a worker that wants to be replaced: true if it may end.  Only one
 * at a time may, until the master has replaced it or does not need to.
 */
bool scoreboard_may_leave(struct scoreboard *board);
/* Called by the master: the worker that may end, or 0; another may now. */
pid_t scoreboard_who_leaves(const struct scoreboard *board);
void scoreboard_has_left(struct scoreboard *board);
/* Called by a worker that is not idle any more: true if it must wake the master
 * (scoreboard_want_idle). */
bool scoreboard_is_missed(struct scoreboard *board);

/* Called by any process; times are never in the future. */
int64_t score_since(const struct score *s);
/* Returns when its current or last client came. */
int64_t score_came(const struct score *s);
/* Whether it has, or had last, a request; and when that began. */
bool score_has_request(const struct score *s);
int64_t score_began(const struct score *s);
uint64_t score_count(const struct score *s, enum score_count what);
/* True if a lot takes connections, as far as is known. */
bool score_lot_is_there(const struct score_lot *lot);
uint64_t score_lot_waiting(const struct score_lot *lot, enum score_wait what);
/* The longest sleep of a lot that holds connections. */
#define SCORE_LOT_NAP (5 * CLOCK_SECOND)
/*
 * Returns when the lot should have run again, or will (clock.h): not much later
 * than now.  CLOCK_NEVER if it holds no connections and sleeps.
 */
int64_t score_lot_due(const struct score_lot *lot, int64_t now);
/* A limit on score_lot_on_the_way: more than a channel has room for. */
#define SCORE_CHANNEL_MAX 4096
/*
 * Returns the number of connections that the lot has sent and no worker has
 * received.  Approximate: it may include connections lost with a dead worker,
 * and is negative if one that counted as lost was not.  For certainty call
 * channel_has_message().
 */
int64_t score_lot_on_the_way(const struct scoreboard *board);
/* True if the lot has few descriptors left, or had a moment ago. */
bool score_lot_is_crowded(const struct score_lot *lot);
void score_read(const struct score *s, struct score_reading *out);
const char *score_state_name(enum score_state state);

#endif
