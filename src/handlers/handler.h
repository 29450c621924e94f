/*
 * handler: what makes responses.  A handler never sees a client's socket: it
 * gets a request and fills in a response (response.h).
 */
#ifndef TINED_HANDLERS_HANDLER_H
#define TINED_HANDLERS_HANDLER_H

#include "base/buffer.h"
#include "config/config.h"
#include "http/media_type.h"
#include "http/request.h"
#include "http/response.h"
#include "sandbox/privilege.h"
#include "status/snapshot.h"

/* What a handler is told when it is mounted. */
struct handler_setup {
	const struct config *config;
	const struct status_sources *server; /* outlives it, too */
	const struct media_type *mime;	     /* outlives the handler's state */
	const char *prefix;		     /* of --mount PREFIX=KIND:ARG */
	const char *arg;		     /* and its argument */
	/*
	 * What it names was opened, and looked at, by another process: a
	 * descriptor of it, which is the handler's if mount succeeds; else -1.
	 */
	int opened;
};

struct handler_mounted {
	void *state;	  /* the handler's own */
	unsigned methods; /* that it answers itself: enum method */
	/* Of them: whose content it reads, so that it may be asked for (100
	 * Continue) and waited for before the handler begins. */
	unsigned reads;
	int directory;	/* a descriptor, it reads below it; -1: none */
	unsigned needs; /* more than that: enum privilege_need */
};

struct handler {
	const char *kind; /* of --mount PREFIX=KIND:ARG */
	/*
	 * In the master, before it forks; nothing may be waited for if opened
	 * is given.  -1 with words for a person, and
	 * errno: EINVAL if the argument cannot be right.
	 */
	int (*mount)(const struct handler_setup *setup,
	    struct handler_mounted *out, struct buffer *why);
	void (*unmount)(void *state);
	/*
	 * In a worker.  rest is the path behind the prefix of the mount: ""
	 * or it begins with "/".
	 */
	void (*serve)(void *state, struct request *request, struct text rest,
	    struct response *response);
};

extern const struct handler handler_echo;
extern const struct handler handler_file;
extern const struct handler handler_status;

/* Every kind there is, and NULL: handlers.c. */
extern const struct handler *const handlers[];

#endif
