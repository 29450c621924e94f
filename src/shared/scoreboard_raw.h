/*
 * scoreboard_raw: the memory that workers write.  Only the modules of this
 * directory include it (scripts/check-layers): others read it by
 * scoreboard_read.h.
 */
#ifndef TINED_SHARED_SCOREBOARD_RAW_H
#define TINED_SHARED_SCOREBOARD_RAW_H

#include "shared/scoreboard_types.h"

/* Returns a time of clock_now() that is not after now. */
static inline int64_t
score_as_past(int64_t time, int64_t now)
{
	return time > 0 ? (time < now ? time : now) : 0;
}

/* A slot, written by its worker.  Slots never share a cache line. */
struct score {
	_Alignas(SCORE_ALIGNMENT) _Atomic pid_t pid;
	_Atomic int state;     /* enum score_state */
	_Atomic int64_t since; /* clock_now() of the last change */
	_Atomic int64_t began; /* when the current request began */
	_Atomic int64_t came;  /* when the current client came */
	_Atomic int streams;   /* score_stream, for the current request; or 0 */
	_Atomic int kept;      /* score_set_kept */
	_Atomic int fate;      /* enum score_fate */
	_Atomic int status;    /* that its client got, if fate says so */
	atomic_uint_least64_t content; /* and bytes of content */
	atomic_uint_least64_t counts[SCORE_COUNTS];
	atomic_uint_least64_t latency[HISTOGRAM_BUCKETS];
	struct score_stalls stalls;
	atomic_uint_least64_t spent[SCORE_STATES]; /* nanoseconds */
	/* The counters when the current worker began. */
	atomic_uint_least64_t marks[SCORE_COUNTS];
	/* A reading of the strings, and of state, since and spent, is
	 * consistent if sequence was even and has not changed. */
	atomic_uint sequence;
	atomic_uint logs; /* the notice it has followed: log_follow.h */
	char request[SCORE_REQUEST_MAX]; /* the request line, cut */
	char client[SCORE_CLIENT_MAX];
	struct quarantine_request current_request;
	atomic_uint_least64_t serving;	/* client_limit.h */
	atomic_uint_least64_t deferred; /* deferred_budget.h */
};

/*
 * Written by all processes.  Nothing depends on it but the number of workers,
 * the time of a wait, whether the master checks if a reload is due, and whether
 * a worker or the lot looks for stalls and logs one.
 */
struct score_common {
	atomic_bool asleep;	    /* the master is, until somebody has work */
	atomic_bool reload_wanted;  /* scoreboard_want_reload */
	atomic_size_t idle_wanted;  /* scoreboard_want_idle */
	_Atomic pid_t leaving;	    /* scoreboard_may_leave */
	_Atomic int64_t stall_seen; /* clock_now(); 0: never */
	/* scoreboard_may_log_stall */
	_Atomic int64_t stall_logged[STALL_CAUSES];
	/* Of those that the lot has handed: by workers, or lost with one. */
	_Alignas(SCORE_ALIGNMENT) atomic_uint_least64_t taken;
	atomic_uint_least64_t idle[SCOREBOARD_SLOTS_MAX / SCOREBOARD_IDLE_BITS];
	/* scoreboard_set_free */
	atomic_uint_least64_t free[SCOREBOARD_SLOTS_MAX / SCOREBOARD_IDLE_BITS];
};

#endif
