/*
 * handler: the interface of handlers, which make responses by the functions of
 * tined.h; they never use a client's socket.
 */
#ifndef TINED_HANDLERS_HANDLER_H
#define TINED_HANDLERS_HANDLER_H

#include "base/buffer.h"
#include "config/config.h"
#include "handlers/response_cache.h"
#include "http/media_type.h"
#include "sandbox/privilege.h"
#include "status/snapshot.h"
#include "tined.h"

/* The arguments of mount. */
struct handler_setup {
	const struct config *config;
	const struct status_sources *server; /* outlives the handler's state */
	const struct media_type *mime;	     /* outlives the handler's state */
	struct response_cache *cache;	     /* outlives the handler's state */
	const char *prefix;		     /* of --mount PREFIX=KIND:ARG */
	const char *arg;		     /* and its argument */
	/*
	 * A descriptor of the directory that arg names, if another process has
	 * opened and checked it; else -1.  If mount succeeds, the handler owns
	 * it.
	 */
	int opened;
};

struct handler_mounted {
	void *state;	  /* the handler's own */
	unsigned methods; /* that it implements: a set of enum method */
	/* Those methods whose content it reads.  For them the server may send
	 * 100 Continue, and receive content before the handler begins. */
	unsigned reads;
	int directory;	/* descriptor of the files it reads; -1: none */
	unsigned needs; /* beyond that: a set of enum privilege_need */
};

struct handler {
	const char *kind; /* of --mount PREFIX=KIND:ARG */
	/*
	 * Runs in the master, before it forks.  Must not block if
	 * setup->opened is not -1.  Returns -1 with an error message in *why;
	 * errno is EINVAL if the argument is malformed.
	 */
	int (*mount)(const struct handler_setup *setup,
	    struct handler_mounted *out, struct buffer *why);
	void (*unmount)(void *state);
	/* Runs in a worker. */
	void (*serve)(void *state, struct tined_exchange *x);
};

extern const struct handler handler_echo;
extern const struct handler handler_file;
extern const struct handler handler_status;

/* All handlers, and NULL at the end: handlers.c. */
extern const struct handler *const handlers[];

#endif
