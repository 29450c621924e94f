/*
 * quarantine: keeps requests that have killed workers from killing more.  When
 * a method and path has killed a number of workers within a time, it is held
 * for the same time.  The master writes the list of held requests, and workers
 * read it without a lock.  Each worker writes its current request into its
 * slot of the scoreboard, which outlives it (scoreboard.h).
 *
 * All lists are bounded: a new entry replaces the oldest.
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
/* The largest numbers of held requests and of remembered deaths. */
#define QUARANTINE_HELD_MAX 64
#define QUARANTINE_DEATHS_MAX 256
#define QUARANTINE_LIMIT_MAX 100

struct quarantine_key {
	unsigned method; /* enum method */
	struct text path;
};

struct quarantine_entry {
	int64_t when; /* the death, or the end of the holding; 0: empty */
	unsigned method;
	size_t len;
	char path[QUARANTINE_PATH_MAX];
};

/* The held requests, on the scoreboard; written only by the master. */
struct quarantine_list {
	atomic_size_t count;
	struct quarantine_held {
		atomic_uint sequence; /* even and unchanged: entry is valid */
		struct quarantine_entry entry;
	} at[QUARANTINE_HELD_MAX];
};

/* The current request of a worker; written by that worker. */
struct quarantine_request {
	atomic_bool active;
	struct quarantine_entry entry;
};

struct quarantine;

/* The list is not owned. */
struct quarantine *quarantine_create(
    int limit, int64_t time, struct quarantine_list *list);
void quarantine_free(struct quarantine *q);

/* Called by a worker when it begins a request, and when it has finished. */
void quarantine_enter(
    struct quarantine_request *r, const struct quarantine_key *key);
void quarantine_leave(struct quarantine_request *r);
/* Returns how long the request is still held, in nanoseconds; 0: not held. */
int64_t quarantine_left(
    const struct quarantine *q, const struct quarantine_key *key, int64_t now);

/* score_take_request. */
bool quarantine_take(struct quarantine_request *r,
    struct quarantine_entry *entry, struct quarantine_key *key);
/* Counts a death by that request.  True if it is held from now on. */
bool quarantine_strike(
    struct quarantine *q, const struct quarantine_key *key, int64_t now);
/*
 * Called by the master: releases a request whose time is over.  False if there
 * is none.  key is valid until the next call of a function here.
 */
bool quarantine_release(
    struct quarantine *q, struct quarantine_key *key, int64_t now);
/* Returns when the next request will be released, or CLOCK_NEVER. */
int64_t quarantine_next(const struct quarantine *q);

#endif
