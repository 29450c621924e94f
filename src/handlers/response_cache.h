/*
 * response_cache: the responses that a worker has made not long ago, as bytes
 * under a key.  A response is forgotten when a fixed time has passed since its
 * file was opened.  So nothing is validated: each response that is found is one
 * that the server would have sent, without the cache, within that time.
 *
 * It is memory of one process.  The memory is one ring, in which responses lie in
 * the order in which they were added, and so expire; a new one takes the place of
 * the oldest.  A response may have an open file, and is then forgotten after
 * RESPONSE_CACHE_FILE_TIME at the latest: an open file keeps its file system
 * mounted, and its blocks in use when it was removed.
 */
#ifndef TINED_HANDLERS_RESPONSE_CACHE_H
#define TINED_HANDLERS_RESPONSE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* The most responses at a time, whatever their size. */
#define RESPONSE_CACHE_MAX 1024
/* The largest response takes this part of the memory. */
#define RESPONSE_CACHE_PART 4
/* The most that have an open file. */
#define RESPONSE_CACHE_FILES_MAX 32
#define RESPONSE_CACHE_FILE_TIME CLOCK_SECOND

struct response_cache_key;

/* Times are in nanoseconds, now is of clock_recent(). */
struct response_cache {
	int64_t time;	    /* for which a response is kept; 0: none is */
	uint32_t memory;    /* for responses, bytes */
	uint64_t seed;	    /* of the hashes: clients choose the keys */
	uint32_t files_max; /* responses with an open file; 0 at first */
	struct response_cache_key *seen; /* keys that were not found; owned */

	char *ring;	/* owned; NULL before the first response */
	uint32_t first; /* offsets in it: of the oldest response */
	uint32_t end;	/* behind the newest */
	uint32_t top;	/* behind the uppermost, if the newest are below it */
	uint32_t count; /* responses */
	uint32_t files; /* of them with an open file */
	uint32_t first_file, last_file; /* offsets: the oldest and the newest */
	bool in_use;	 /* response_cache_settle has memory to release */
	int64_t expires; /* when the last does */
};

/* Allocates nothing, so that the master can prepare it for all workers. */
void response_cache_init(
    struct response_cache *c, int64_t time, uint32_t memory);
void response_cache_free(struct response_cache *c);

/*
 * Returns the response with that key, or NULL.  It is aligned as memory from
 * malloc(3), and valid, as its file is, until the next call of any other function
 * below, or of this one.
 */
const void *response_cache_find(
    struct response_cache *c, struct text key, int64_t now);
/*
 * Called for a key that was not found.  True if it was looked for once before,
 * within the time: responses that are asked for rarely are not worth a place.
 */
bool response_cache_wants(
    struct response_cache *c, struct text key, int64_t now);
/*
 * Makes room for a response of that size, and returns where it goes.  It is
 * found only after response_cache_add, which must come next, and may be left
 * out.  NULL if it is too large, or if there is no memory.
 */
void *response_cache_reserve(
    struct response_cache *c, struct text key, size_t size);
/*
 * Adds it, and takes over the descriptor of its open file, or -1, which only
 * files_max allows.  now is a time before its file was opened.
 */
void response_cache_add(struct response_cache *c, int file, int64_t now);

/* Forgets the responses with open files.  False if there was none. */
bool response_cache_close_files(struct response_cache *c);
/*
 * Called by a process that is idle: closes all files when the first expires, and
 * releases the memory when all responses have expired.  Returns when to call it
 * again (clock.h), or CLOCK_NEVER.
 */
int64_t response_cache_settle(struct response_cache *c, int64_t now);

#endif
