/*
 * scoreboard: what every process is doing, in memory that all can read.  Each
 * part of it is written by one process, which can write no other: by the
 * master, the lot, or the worker of a slot.  A few hints are everybody's.  A
 * slot outlives its worker, so that the master can tell what a dead one was
 * doing, and what is counted there goes on from worker to worker, so that the
 * sum over all slots never goes back.
 *
 * A worker may be taken over, and what it writes is then whatever pleases
 * somebody else: it is read by the functions here only, which give nothing that
 * is out of its range.  What is wrong within its range is a false report, and
 * no more.  What must be true is in the struct itself, which is each process's
 * own memory.  (scoreboard_lot.c has what concerns the lot.)
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
	SCORE_READING,	 /* waiting for a request, or for the rest of one */
	SCORE_RUNNING,	 /* a handler works on it */
	SCORE_WRITING,	 /* sending the response, all or some of it */
	SCORE_LINGERING, /* waiting for the client to close */
	SCORE_STOPPING,
	SCORE_STATES
};

/* What is counted in each slot. */
enum score_count {
	COUNT_CONNECTIONS, /* accepted by the worker */
	COUNT_HANDED,	   /* connections that the lot handed to it */
	COUNT_REQUESTS,	   /* answered */
	COUNT_REUSED,	   /* of them: not the first on their connection */
	COUNT_RESPONSES,   /* of status 1xx; those up to 5xx follow */
	COUNT_RESPONSES_5XX = COUNT_RESPONSES + 4,
	COUNT_SENT,	      /* bytes, heads and framing too */
	COUNT_RECEIVED,	      /* bytes of content */
	COUNT_ABORTED,	      /* responses that were cut off */
	COUNT_QUEUE_TIMEOUTS, /* 503 by --queue-timeout */
	COUNT_SPLIT,	      /* more than one send for what fits into one */
	COUNT_STALLS,	      /* the kernel held back the end of a response */
	COUNT_LATENCY,	      /* nanoseconds of all requests together */
	SCORE_COUNTS
};

/* What happened to processes: counted by the master. */
enum score_event {
	EVENT_STARTED,	 /* workers */
	EVENT_CRASHED,	 /* they failed by themselves */
	EVENT_KILLED,	 /* by a signal from outside */
	EVENT_TIMED_OUT, /* --request-timeout, --start-timeout */
	EVENT_RECYCLED,	 /* they had served, or grown, enough */
	EVENT_RETIRED,	 /* there were more than needed */
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
	WAIT_SEND,   /* the client to take its response */
	WAIT_LINGER, /* the client to close */
	SCORE_WAITS
};

/* What became of a request whose worker broke, or was ended. */
enum score_fate {
	SCORE_UNKNOWN,	/* perhaps nothing was under way */
	SCORE_ANSWERED, /* with an error in place of the answer */
	SCORE_CUT_OFF,	/* some of the answer had been sent */
};

#define SCORE_REQUEST_MAX 256
#define SCORE_CLIENT_MAX 64
#define SCORE_ALIGNMENT 64 /* a cache line: slots never share one */

struct score {
	_Alignas(SCORE_ALIGNMENT) _Atomic pid_t pid;
	_Atomic int state;     /* enum score_state */
	_Atomic int64_t since; /* clock_now() of the last change */
	_Atomic int64_t began; /* the present request */
	_Atomic int64_t came;  /* the present client */
	_Atomic int fate;      /* enum score_fate */
	_Atomic int status;    /* that its client got, if fate says so */
	atomic_uint_least64_t content; /* and bytes of content */
	atomic_uint_least64_t counts[SCORE_COUNTS];
	atomic_uint_least64_t latency[HISTOGRAM_BUCKETS];
	atomic_uint_least64_t spent[SCORE_STATES]; /* nanoseconds */
	/* The counts with which the present worker began. */
	atomic_uint_least64_t marks[SCORE_COUNTS];
	/* The strings, and state, since and spent, are whole when sequence is
	 * even and did not change. */
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
	uint64_t latency[HISTOGRAM_BUCKETS]; /* of them, too */
	uint64_t requests, bytes;	     /* of the present worker */
	char request[SCORE_REQUEST_MAX];
	char client[SCORE_CLIENT_MAX];
};

/* A bit a slot: one that dies idle can be taken out by the master, once. */
#define SCOREBOARD_IDLE_BITS 64
#define SCOREBOARD_WORKERS_MAX 4096
/* Each worker may have a successor before it has ended. */
#define SCOREBOARD_SLOTS_MAX ((size_t)2 * SCOREBOARD_WORKERS_MAX)

/* By the master alone. */
struct score_server {
	atomic_bool stopping; /* the whole server, not one worker */
	atomic_size_t used;   /* slots: the others never had a worker */
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

/* Shared with all processes forked later; NULL with errno. */
struct scoreboard *scoreboard_create(size_t count);
void scoreboard_free(struct scoreboard *board);
/*
 * In a child, for good: it can write no more than that, and dies if it tries.
 * The slot is a worker's own.  -1 with errno.
 */
int scoreboard_confine(
    struct scoreboard *board, enum scoreboard_writer writer, size_t slot);
/* Slot i < count; for writing only by a process that may. */
struct score *scoreboard_slot(const struct scoreboard *board, size_t i);
/* By the master, before a worker is started there. */
void scoreboard_use(struct scoreboard *board, size_t slot);

/* By the worker that owns the slot. */
void score_start(struct score *s, pid_t pid);
/* clock_now(), which it needs anyway. */
int64_t score_enter(struct score *s, enum score_state state);
void score_connection(struct score *s, struct text client);
void score_request(struct score *s, struct text line);
/* Of a request that is now SCORE_RUNNING.  When that was. */
int64_t score_begin(struct score *s, struct text line);
/* From the handler of a signal, too. */
void score_fate(
    struct score *s, enum score_fate fate, int status, uint64_t content);
/* When SCORE_RUNNING began, or CLOCK_NEVER if that is not the state. */
int64_t score_running_since(const struct score *s);
enum score_state score_state(const struct score *s);
void score_add(struct score *s, enum score_count what, uint64_t n);
/* A response has that status; one that is none, below 100 or above 599, does
 * not count. */
void score_add_status(struct score *s, int status);
/* A request has taken so many nanoseconds. */
void score_add_latency(struct score *s, int64_t latency);
/* It has received what the lot handed to workers. */
void score_lot_taken(struct scoreboard *board);

/* By the lot: room is how many connections it takes. */
void score_lot_start(struct score_lot *lot, size_t room);
void score_lot_set(struct score_lot *lot, enum score_wait what, size_t n);
void score_lot_peak(struct score_lot *lot, size_t all);
/* How many it holds for clients who take their time: deferred_budget.h, too. */
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
/* Nothing is on its way: what seems to be was lost, with a worker, say. */
void score_lot_settle(struct scoreboard *board);

/* By the master: the worker of that slot is no more, or the lot is. */
void score_end(struct score *s);
void score_lot_end(struct score_lot *lot);
void scoreboard_add(struct scoreboard *board, enum score_event what);

/* Whether the worker of that slot waits for a connection, and whether any. */
void scoreboard_set_idle(struct scoreboard *board, size_t slot, bool idle);
bool scoreboard_is_idle(const struct scoreboard *board, size_t slot);
bool scoreboard_has_idle(struct scoreboard *board);
/* By a worker that has work: true when it is to wake the master, once. */
bool scoreboard_wake(struct scoreboard *board);
/* How many do, counted up to about enough. */
size_t scoreboard_count_idle(struct scoreboard *board, size_t enough);
/*
 * By the master: the worker that leaves fewer idle than that is to tell; 0:
 * none is.  False when there are fewer already: nobody tells then.
 */
bool scoreboard_want_idle(struct scoreboard *board, size_t wanted);
/*
 * By a worker: what it serves is not there any more, and is to be opened again.
 * True when it is the first to say so, and is to wake the master.
 */
bool scoreboard_want_reload(struct scoreboard *board);
/* By the master: whether one has; and that it has been heard. */
bool scoreboard_wants_reload(const struct scoreboard *board);
void scoreboard_reloads(struct scoreboard *board);
/*
 * By a worker: whether it may end of its own accord.  One at a time may, until
 * the master has found a successor, or that it is not missed.
 */
bool scoreboard_may_leave(struct scoreboard *board);
/* By the master: who may, or 0; and that another may now. */
pid_t scoreboard_who_leaves(const struct scoreboard *board);
void scoreboard_has_left(struct scoreboard *board);
/* By a worker that is not idle any more: whether it is the one to tell. */
bool scoreboard_is_missed(struct scoreboard *board);

/* By anybody; times lie in the past. */
int64_t score_since(const struct score *s);
/* When it got the client that it has, or had last. */
int64_t score_came(const struct score *s);
/* Whether it has a request, or had one last; and when that began. */
bool score_has_request(const struct score *s);
int64_t score_began(const struct score *s);
uint64_t score_count(const struct score *s, enum score_count what);
/* Whether there is one that takes connections, as far as is known. */
bool score_lot_is_there(const struct score_lot *lot);
uint64_t score_lot_waiting(const struct score_lot *lot, enum score_wait what);
/* So long it sleeps at most while it holds connections. */
#define SCORE_LOT_NAP (5 * CLOCK_SECOND)
/*
 * When it should have gone on, or will (clock.h), not much later than now;
 * CLOCK_NEVER while it holds no connections and sleeps.
 */
int64_t score_lot_due(const struct score_lot *lot, int64_t now);
/* At most so many are on their way: more than a channel has room for. */
#define SCORE_CHANNEL_MAX 4096
/*
 * Connections on their way from the lot to workers.  It costs no system call,
 * and some may be counted that are lost: who must know asks channel_has_message
 * if it is not 0.  Less than that: what was thought to be lost was not.
 */
int64_t score_lot_on_the_way(const struct scoreboard *board);
/* Whether it has few descriptors left for more; a moment ago, at least. */
bool score_lot_is_crowded(const struct score_lot *lot);
void score_read(const struct score *s, struct score_reading *out);
const char *score_state_name(enum score_state state);

#endif
