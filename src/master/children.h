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
/* How long the status process may take to end in a stop. */
#define CHILD_STATUS_TIME CLOCK_SECOND

struct child {
	enum child_kind kind;
	pid_t pid;	      /* 0: there is none */
	bool retiring;	      /* told to end: another may take its place */
	bool ahead;	      /* a replacement; the old worker still serves */
	int failures;	      /* in a row: deaths before it served anything */
	int64_t started;      /* clock_now() */
	int64_t not_before;   /* not started before then (clock.h) */
	int64_t hung_since;   /* request_timeout.h, lot_watch.h; or 0 */
	bool start_timed_out; /* request_timeout.h */
	int64_t kill_at;      /* if it does not end before; or 0 */
	int64_t stopped;      /* clock_now() when a signal stopped it; or 0 */
};

struct children {
	struct child *at; /* the workers, one a slot, then the others; owned */
	size_t count;	  /* of slots for workers */
	size_t total;
	size_t running; /* without those that retire or are ahead */
	size_t ahead;
	size_t retiring; /* not reaped yet: each still has its slot */
	int64_t next;	 /* when the first throttled slot may be filled */
	struct restart restart;
	int fork_failures;	 /* in a row */
	int64_t fork_not_before; /* deadline (clock.h), after one */
	bool fresh; /* one was started; reset by the user of this flag */
	struct successor successor;  /* of an upgrade in progress: upgrade.h */
	struct successor new_master; /* of a complete upgrade */
	struct inherited *inherited;
	struct inherited *before;	  /* a reload may restore it; or NULL */
	const struct site_opener *opener; /* of a reload; or NULL */
	void (*leave)(void); /* in a child: releases the master's resources */
};

void children_init(
    struct children *all, struct inherited *inherited, void (*leave)(void));
void children_free(struct children *all);
/* Returns the lot or the status process. */
struct child *child_of(const struct children *all, enum child_kind kind);
size_t child_slot(const struct children *all, const struct child *child);

/*
 * Starts up to that many workers in free slots.  A throttled slot counts as
 * started.  Returns only in the master.
 */
void child_spawn(struct children *all, int wanted);
/*
 * The same for replacements of other workers: they are not counted as running
 * before child_promote.
 */
void child_spawn_ahead(struct children *all, int wanted);
void child_promote(struct children *all, size_t slot);
/* Starts the lot or the status process, if it is missing and wanted. */
void child_spawn_one(struct children *all, enum child_kind kind);
/* Returns when it may be started if it is missing, or CLOCK_NEVER. */
int64_t child_next(const struct children *all, enum child_kind kind);
/* The same for all missing children. */
int64_t child_next_spawn(const struct children *all);
/* Returns the deadline (clock.h) of children that are starting; 0: none. */
int64_t child_starting_until(const struct children *all);
/* True if it runs but is not ready yet. */
bool child_is_starting(const struct children *all, const struct child *child);
/* True if the worker of that slot is ready. */
bool child_has_started(const struct children *all, size_t slot);
/*
 * Tells it to end.  A worker takes no more clients, finishes its request and
 * hands its connection to the lot.  It is not counted as running any more; its
 * slot is free after it was reaped.
 */
void child_retire(struct children *all, struct child *child);
/* The same for that many workers, idle ones first. */
void child_retire_some(struct children *all, int count);
/* The same for all workers that were started before that time (clock.h). */
void child_retire_all(struct children *all, int64_t before);
/* Ends the status process for good, and waits for that for a limited time. */
void child_end_status(struct children *all);
/* Frees the slot of a child that has ended. */
void child_forget(struct children *all, struct child *child);
/* Delays its next start; the delay doubles with each failure. */
void child_throttle(struct child *child);
/* Sends a signal to all children of that kind. */
void child_signal(const struct children *all, enum child_kind kind, int signo);
/* Logs what each process that still runs is doing, after "killing", say. */
void child_log_all(const struct children *all, const char *verb);
/* Returns the child with that process ID, or NULL. */
struct child *child_find(const struct children *all, pid_t pid);
/* True if any child runs, except the status process. */
bool child_is_any(const struct children *all);
bool child_is_any_worker(const struct children *all);

#endif
