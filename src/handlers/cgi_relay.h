/*
 * cgi_relay: runs a program for a request: carries the content of the request to
 * it, and its response to the client, at the same time and in constant memory.
 */
#ifndef TINED_HANDLERS_CGI_RELAY_H
#define TINED_HANDLERS_CGI_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "handlers/cgi_exchange.h"
#include "handlers/cgi_program.h"
#include "handlers/error_lines.h"
#include "tined.h"

enum cgi_relay_state {
	CGI_RELAY_HEAD,	   /* the program has not written all of its head */
	CGI_RELAY_CONTENT, /* its content goes to the client */
	CGI_RELAY_DISCARD, /* the rest of its content is discarded */
	CGI_RELAY_FAILED,  /* the server answers in its place */
};

/* A worker has one for each mount. */
struct cgi_relay {
	struct cgi_program program;
	struct tined_exchange *x;
	const char *name;     /* of the program, for the log */
	int64_t limit;	      /* nanoseconds without progress */
	int64_t deadline;     /* of the limit: clock.h */
	int64_t gather_until; /* output that comes until then leaves as one */
	int64_t client_gone;  /* when that was seen; 0: it is there */
	enum cgi_relay_state state; /* of the program's output */

	struct buffer head; /* what it has written of it */
	size_t looked;	    /* cgi_response_head_length */
	bool has_length;
	uint64_t left;		/* of the length that it has declared */
	struct buffer redirect; /* where it redirects within this server */
	struct error_lines errors;

	struct builtin_content source;
	char *content; /* of the request, on its way to the program */
	size_t content_at, content_end;
};

void cgi_relay_init(struct cgi_relay *r);
void cgi_relay_free(struct cgi_relay *r);
/*
 * Starts the program, with that content, and returns when it has ended or been
 * killed: when it has neither read nor written for the limit while it could, or
 * when the client has gone.  The caller has set name and limit.
 */
void cgi_relay_run(struct cgi_relay *r, struct tined_exchange *x,
    const struct cgi_command *c, const struct builtin_content *content);

#endif
