/*
 * quarantine: requests that killed workers are kept from killing more.  What
 * has killed so many in so long a time, by the same method and path, is held
 * for as long.  What is held is written by the master, and read by workers
 * without a lock; each worker tells what it works on in a place of its own,
 * which outlives it (scoreboard.h).
 *
 * All that is remembered is bounded: the oldest is forgotten for the newest.
 */
#ifndef TINED_SHARED_QUARANTINE_H
#define TINED_SHARED_QUARANTINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* A longer path is never held. */
#define QUARANTINE_PATH_MAX 512
/* Held at a time; deaths that are remembered. */
#define QUARANTINE_HELD_MAX 64
#define QUARANTINE_DEATHS_MAX 256
#define QUARANTINE_LIMIT_MAX 100

struct quarantine_key {
	unsigned method; /* enum method */
	struct text path;
};

struct quarantine_entry {
	int64_t when; /* of a death; of what is held: its end; 0: nothing */
	unsigned method;
	size_t len;
	char path[QUARANTINE_PATH_MAX];
};

/* On the scoreboard: what is held, written by the master alone. */
struct quarantine_list {
	atomic_size_t count;
	struct quarantine_held {
		atomic_uint sequence; /* even, unchanged: the entry is whole */
		struct quarantine_entry entry;
	} at[QUARANTINE_HELD_MAX];
};

/* And what a worker works on, written by that worker. */
struct quarantine_place {
	atomic_bool taken;
	struct quarantine_entry entry;
};

struct quarantine;

/* The list is not owned. */
struct quarantine *quarantine_create(
    int limit, int64_t time, struct quarantine_list *list);
void quarantine_free(struct quarantine *q);

/* By a worker: what it begins to work on, and that it is done. */
void quarantine_enter(
    struct quarantine_place *p, const struct quarantine_key *key);
void quarantine_leave(struct quarantine_place *p);
/* For how long it is still held, in nanoseconds; 0: it is not. */
int64_t quarantine_left(
    const struct quarantine *q, const struct quarantine_key *key, int64_t now);

/*
 * By the master, when the worker of that place has died: what it was working
 * on, and the place is left.  False if that is not known, or makes no sense.
 * The entry is the caller's, and the key's path lies in it.
 */
bool quarantine_take(struct quarantine_place *p, struct quarantine_entry *entry,
    struct quarantine_key *key);
/* One has died of that.  True if it is held from now on. */
bool quarantine_strike(
    struct quarantine *q, const struct quarantine_key *key, int64_t now);
/*
 * By the master: what is held no more, one at a time; false when that is all.
 * The key is good until the next call of anything here.
 */
bool quarantine_release(
    struct quarantine *q, struct quarantine_key *key, int64_t now);
/* When the first that is held will be released; CLOCK_NEVER if none is. */
int64_t quarantine_next(const struct quarantine *q);

#endif
