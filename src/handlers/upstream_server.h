/*
 * upstream_server: one of the servers of upstream.h: its addresses, whether it is
 * left out at the moment, and the connection to it that this worker has kept.
 */
#ifndef TINED_HANDLERS_UPSTREAM_SERVER_H
#define TINED_HANDLERS_UPSTREAM_SERVER_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/clock.h"

/* A server that has failed is left out for at most so long. */
#define UPSTREAM_SERVER_ABSENCE_MAX (30 * CLOCK_SECOND)
/* A connection is not kept when it is older than that. */
#define UPSTREAM_SERVER_AGE_MAX (600 * CLOCK_SECOND)

struct upstream_address {
	struct sockaddr_storage at;
	socklen_t length;
};

struct upstream_server {
	char *name; /* as the user wrote it; owned */
	/* A host may have several; owned.  The last that worked is current. */
	struct upstream_address *addresses;
	size_t address_count;
	size_t current;

	unsigned failures;    /* in a row */
	int64_t absent_until; /* clock.h */
	uint64_t tried; /* the last request that tried it: upstream_pool.c */
	uint64_t busy;	/* the last that found its queue full */

	int kept;	    /* a connection; -1: none */
	int64_t kept_until; /* clock.h */
	int64_t kept_born;  /* when it was made */
};

/*
 * Parses HOST:PORT, [IPV6]:PORT or unix:PATH into zeroed memory, and looks up the
 * host.  found, unless it is NULL, has what upstream_server_tell has added for
 * this address in another process: it is taken from there instead.  -1 with an error
 * message in *why, and errno EINVAL if the address is malformed.
 */
int upstream_server_init(struct upstream_server *s, const char *address,
    struct text *found, struct buffer *why);
/* Adds what was found of it, for upstream_server_init in another process. */
void upstream_server_tell(
    const struct upstream_server *s, struct buffer *found);
void upstream_server_free(struct upstream_server *s);

/* The longest wait of a read from a connection. */
#define UPSTREAM_SERVER_READ_TIME (20 * CLOCK_MILLISECOND)
/*
 * Connects a socket to the current address, without waiting.  Returns it; it may
 * be connecting still.  Reads that may block do so for UPSTREAM_SERVER_READ_TIME.
 * -1 with errno; EAGAIN: the queue of a Unix socket is full.
 */
int upstream_server_connect(const struct upstream_server *s);
/* Makes the next address current, and counts it; false if all were tried. */
bool upstream_server_next_address(struct upstream_server *s, size_t *tried);

/* Notes that it has failed, or that it works; returns how long it is left out. */
int64_t upstream_server_fail(struct upstream_server *s, int64_t now);
void upstream_server_succeed(struct upstream_server *s);

/* Keeps a connection, in place of another one, until that time. */
void upstream_server_keep(
    struct upstream_server *s, int fd, int64_t born, int64_t until);
/*
 * Takes the kept connection, and gets when it was made.  -1 if there is none, or
 * if it was closed meanwhile, or has bytes that nobody asked for.
 */
int upstream_server_take_kept(
    struct upstream_server *s, int64_t now, int64_t *born);
void upstream_server_drop_kept(struct upstream_server *s);
/*
 * Closes the kept connection if its time is over.  Returns when that will be;
 * CLOCK_NEVER if there is none.
 */
int64_t upstream_server_settle(struct upstream_server *s, int64_t now);

#endif
