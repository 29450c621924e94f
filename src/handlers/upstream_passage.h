/*
 * upstream_passage: one request on its way to a server, and the response on its
 * way back: what upstream_forward does, and what it needs of a protocol.
 */
#ifndef TINED_HANDLERS_UPSTREAM_PASSAGE_H
#define TINED_HANDLERS_UPSTREAM_PASSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "handlers/builtin.h"
#include "handlers/upstream_pool.h"
#include "tined.h"

/* What is received and not taken yet has at most so many bytes. */
#define UPSTREAM_IN_MAX (64 << 10)

/* What a protocol makes of bytes that the server has sent. */
enum upstream_progress {
	UPSTREAM_MORE,	/* the response goes on */
	UPSTREAM_DONE,	/* it is complete */
	UPSTREAM_BAD,	/* it is wrong: *why says what */
	UPSTREAM_BUSY,	/* the server says that it has no room: *why */
	UPSTREAM_UNSENT /* tined_write has failed: the client is gone */
};

struct upstream_request;

struct upstream_protocol {
	/*
	 * Adds content of the request, in the protocol's framing, to r->out; at
	 * its end with no bytes.
	 */
	void (*add_content)(struct upstream_request *r, struct text content);
	/*
	 * Looks at what was received, at most UPSTREAM_IN_MAX bytes, and sets *used
	 * to the number of bytes that it has taken; 0 if it needs more.  Writes the
	 * response with the functions of tined.h, and sets r->begun before it first
	 * does.
	 */
	enum upstream_progress (*take)(
	    struct upstream_request *r, struct text seen, size_t *used);
	/*
	 * Called when the server has closed the connection, and take has seen all
	 * that came before.  DONE if that is how the response ends.
	 */
	enum upstream_progress (*take_end)(struct upstream_request *r);
};

/* A request that is passed on.  The caller sets the first part; the rest is 0. */
struct upstream_request {
	const struct upstream_protocol *protocol;
	void *state; /* the protocol's */
	struct tined_exchange *x;
	/* It may be sent twice (RFC 9110, 9.2.2). */
	bool is_idempotent;
	/* The content of x is to be passed on, too. */
	bool has_content;
	/* It waits until the protocol sets this to false, or a second has passed. */
	bool content_waits;
	struct builtin_content content;
	/* What is to be sent, at first the head.  upstream_forward empties it. */
	struct buffer *out;

	/* The server that has the request, for the log; set before take is called. */
	const char *server;

	/* Set by the protocol. */
	bool begun;	    /* the response has begun */
	bool content_begun; /* and some of its content was written */
	/*
	 * The client has all of it.  The server may still end it properly; if it
	 * does not, that harms nobody.
	 */
	bool is_complete;
	bool is_last;	 /* the connection cannot be used again */
	const char *why; /* what is wrong with the response; not copied */
};

/* As upstream_forward (upstream.h). */
int upstream_passage_run(
    struct upstream_pool *pool, struct upstream_request *r);

#endif
