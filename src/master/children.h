/*
 * children: the processes that the master has started (child_table.h): workers,
 * one a slot of the scoreboard, and one of each other kind.  Each step of a
 * child's life is a verb.
 */
#ifndef TINED_MASTER_CHILDREN_H
#define TINED_MASTER_CHILDREN_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "master/child_table.h"
#include "master/restart.h"
#include "master/successor.h"
#include "process/inherited.h"

/* The wait before a slot whose worker failed to start is filled again. */
#define CHILD_THROTTLE_FIRST_MS 20
#define CHILD_THROTTLE_MAX_MS 30000
/* The same for what the kernel refuses to start. */
#define CHILD_FORK_PAUSE_MAX_MS 1000
/* What its client gets to finish, when all ends. */
#define CHILD_STATUS_TIME CLOCK_SECOND

struct child {
	enum child_kind kind;
	pid_t pid;	    /* 0: there is none */
	bool retiring;	    /* asked to end: another may take its place */
	bool ahead;	    /* of its predecessor, who still serves */
	int failures;	    /* in a row: it died before it served anything */
	int64_t started;    /* clock_now() */
	int64_t not_before; /* deadline (clock.h): not spawned until then */
	int64_t hung;	 /* request_timeout.h, lot_watch.h: since when; 0: no */
	bool late;	 /* request_timeout.h: it was told while it started */
	int64_t kill_at; /* if it was told */
	int64_t
	    stopped; /* by a signal, since then (clock_now()); 0: it goes on */
};

struct children {
	struct child *at; /* the workers, one a slot, then the others; owned */
	size_t count;	  /* of slots for workers */
	size_t total;
	size_t running; /* those that retire, or are ahead, aside */
	size_t ahead;
	size_t retiring; /* not reaped yet: each still has its slot */
	int64_t next;	 /* when the first throttled slot may be filled */
	struct restart restart;
	int fork_failures;	 /* in a row */
	int64_t fork_not_before; /* deadline (clock.h), after one */
	bool fresh; /* one was started since somebody set this to false */
	struct successor successor;  /* that is to take our place: upgrade.h */
	struct successor new_master; /* the successor, when it has our place */
	struct inherited *inherited;
	struct inherited *before; /* a reload may go back to it; or NULL */
	void (*leave)(void); /* in a child: lets go of what is the master's */
};

void children_init(
    struct children *all, struct inherited *inherited, void (*leave)(void));
void children_free(struct children *all);
/* The lot, or the status process. */
struct child *child_of(const struct children *all, enum child_kind kind);
size_t child_slot(const struct children *all, const struct child *child);

/*
 * Starts up to so many workers in free slots; a slot that is throttled counts
 * as one that will be started.  Returns in the master only.
 */
void child_spawn(struct children *all, int wanted);
/*
 * The same, for workers who are to succeed others: none of them is counted as
 * running before it is promoted.
 */
void child_spawn_ahead(struct children *all, int wanted);
void child_promote(struct children *all, size_t slot);
/* Starts the one of that kind, unless it runs, is throttled, or not wanted. */
void child_spawn_one(struct children *all, enum child_kind kind);
/* When that one may be started if it is missing, or CLOCK_NEVER. */
int64_t child_next(const struct children *all, enum child_kind kind);
/* The same for all that are missing. */
int64_t child_next_spawn(const struct children *all);
/* Until when (clock.h) those that are starting may do so; 0: none is. */
int64_t child_starting_until(const struct children *all);
/* Whether it runs, and does nothing for others yet. */
bool child_is_starting(const struct children *all, const struct child *child);
/* Whether the worker of that slot has come as far as to serve. */
bool child_has_started(const struct children *all, size_t slot);
/*
 * Asks it to end.  A worker takes no more clients, finishes the request under
 * way and hands its client back to the lot.  From now on it is not counted as
 * running; its slot is free when it has been reaped.
 */
void child_retire(struct children *all, struct child *child);
/* The same for so many workers, those who wait for a client before others. */
void child_retire_some(struct children *all, int count);
/* The same for all that were started before that time (clock_now()). */
void child_retire_all(struct children *all, int64_t before);
/* Ends the status process for good, and waits for its end, but not for ever. */
void child_end_status(struct children *all);
/* It has ended: its slot is free. */
void child_forget(struct children *all, struct child *child);
/* The wait doubles from failure to failure: no fault becomes a fork storm. */
void child_throttle(struct child *child);
/* Sends a signal to all of that kind. */
void child_signal(const struct children *all, enum child_kind kind, int signo);
/* Logs what each process that still runs is doing, after "killing", say. */
void child_log_all(const struct children *all, const char *verb);
/* NULL: there is none. */
struct child *child_find(const struct children *all, pid_t pid);
/* But for the status process, on which nothing depends. */
bool child_is_any(const struct children *all);
bool child_is_any_worker(const struct children *all);

#endif
