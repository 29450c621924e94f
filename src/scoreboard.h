/*
 * scoreboard: what every worker is doing, in memory that all processes share.
 * A slot is written by its worker alone and read by anybody at any time; it
 * outlives the worker, so that the master can tell what a dead one was doing.
 */
#ifndef TINED_SCOREBOARD_H
#define TINED_SCOREBOARD_H

#include <sys/types.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

enum score_state {
	SCORE_STARTING,	 /* forked, not yet waiting */
	SCORE_IDLE,	 /* waiting for a connection */
	SCORE_READING,	 /* waiting for a request, or reading its head */
	SCORE_RUNNING,	 /* a handler works on it */
	SCORE_WRITING,	 /* sending the response */
	SCORE_LINGERING, /* waiting for the client to close */
	SCORE_STOPPING,
	SCORE_STATES
};

#define SCORE_REQUEST_MAX 256
#define SCORE_CLIENT_MAX 64
#define SCORE_ALIGNMENT 64 /* a cache line: slots never share one */

struct score {
	_Alignas(SCORE_ALIGNMENT) _Atomic pid_t pid;
	_Atomic int state;     /* enum score_state */
	_Atomic int64_t since; /* clock_now() of the last change */
	atomic_uint_least64_t requests;
	atomic_uint_least64_t connections;
	atomic_uint_least64_t bytes;		   /* sent */
	atomic_uint_least64_t spent[SCORE_STATES]; /* nanoseconds */
	/* The strings are whole when sequence is even and did not change. */
	atomic_uint sequence;
	char request[SCORE_REQUEST_MAX]; /* the request line, cut */
	char client[SCORE_CLIENT_MAX];
};

/* A slot as it was at one moment. */
struct score_reading {
	pid_t pid;
	enum score_state state;
	int64_t since;
	uint64_t requests, connections, bytes;
	char request[SCORE_REQUEST_MAX];
	char client[SCORE_CLIENT_MAX];
};

/* A bit a slot: one that dies idle can be taken out by the master, once. */
#define SCOREBOARD_IDLE_BITS 64
#define SCOREBOARD_SLOTS_MAX 4096

struct scoreboard {
	atomic_bool stopping; /* the whole server, not one worker */
	atomic_uint_least64_t idle[SCOREBOARD_SLOTS_MAX / SCOREBOARD_IDLE_BITS];
	size_t count;
	struct score slots[];
};

/* Shared with all processes forked later; NULL with errno. */
struct scoreboard *scoreboard_create(size_t count);
void scoreboard_free(struct scoreboard *board);

/* By the worker that owns the slot. */
void score_start(struct score *s, pid_t pid);
void score_enter(struct score *s, enum score_state state);
void score_connection(struct score *s, struct text client);
void score_request(struct score *s, struct text line);
void score_served(struct score *s, uint64_t requests, uint64_t bytes);

/* Whether the worker of that slot waits for a connection, and whether any. */
void scoreboard_set_idle(struct scoreboard *board, size_t slot, bool idle);
bool scoreboard_has_idle(struct scoreboard *board);

/* By anybody. */
void score_read(const struct score *s, struct score_reading *out);
const char *score_state_name(enum score_state state);

#endif
