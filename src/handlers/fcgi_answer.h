/*
 * fcgi_answer: what a FastCGI application answers, as a protocol of upstream.h:
 * its records, in which a CGI program's output is, and lines for the error log.
 */
#ifndef TINED_HANDLERS_FCGI_ANSWER_H
#define TINED_HANDLERS_FCGI_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "handlers/error_lines.h"
#include "handlers/fcgi_record.h"
#include "handlers/upstream.h"

enum fcgi_answer_state {
	FCGI_ANSWER_HEAD,    /* the head is not complete */
	FCGI_ANSWER_CONTENT, /* its content goes to the client */
	FCGI_ANSWER_DISCARD, /* the rest of its content is discarded */
};

/* The state of an upstream_request.  A worker has one for each mount. */
struct fcgi_answer {
	struct fcgi_record_reader records;
	enum fcgi_answer_state state;
	struct buffer head; /* what has come of it; owned */
	size_t looked;	    /* cgi_response_head_length */
	bool has_length;
	uint64_t left; /* of the length that it has declared */
	struct buffer
	    redirect;	     /* where it redirects within this server; owned */
	struct buffer wrong; /* words for upstream_request.why; owned */
	struct error_lines errors;
};

extern const struct upstream_protocol fcgi_answer_protocol;

/* Makes it ready for the answer to the next request. */
void fcgi_answer_reset(struct fcgi_answer *a);
void fcgi_answer_free(struct fcgi_answer *a);
/* Called after upstream_forward, whose result is that: 0 or -1. */
void fcgi_answer_end(
    struct fcgi_answer *a, const struct upstream_request *r, int result);

#endif
