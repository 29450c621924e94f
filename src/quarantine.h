/*
 * quarantine: requests that killed workers are kept from killing more.  What
 * has killed so many in so long a time, by the same method and path, is held
 * for as long.  In memory that all processes share: the master writes what is
 * held, workers read it without a lock; each tells what it works on in a place
 * of its own, which outlives it.
 *
 * All that is remembered is bounded: the oldest is forgotten for the newest.
 */
#ifndef TINED_QUARANTINE_H
#define TINED_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

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

struct quarantine;
struct quarantine_place;

/* For so many workers, shared with processes forked later; NULL with errno. */
struct quarantine *quarantine_create(int limit, int64_t time, size_t workers);
void quarantine_free(struct quarantine *q);

/* By a worker: its place, what it begins to work on, and that it is done. */
struct quarantine_place *quarantine_place(struct quarantine *q, size_t slot);
void quarantine_enter(
    struct quarantine_place *p, const struct quarantine_key *key);
void quarantine_leave(struct quarantine_place *p);
/* For how long it is still held, in nanoseconds; 0: it is not. */
int64_t quarantine_left(
    const struct quarantine *q, const struct quarantine_key *key, int64_t now);

/*
 * By the master, when the worker of that place has died: what it was working
 * on, and the place is left.  False if that is not known.
 */
bool quarantine_take(struct quarantine_place *p, struct quarantine_key *key);
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
