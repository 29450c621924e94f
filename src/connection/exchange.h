/*
 * exchange: one request and its response.  It belongs to a connection, which
 * outlives it, and is used for one request after the other.  answer.h makes the
 * response, request_content.h reads the request's content, respond.h sends.
 */
#ifndef TINED_CONNECTION_EXCHANGE_H
#define TINED_CONNECTION_EXCHANGE_H

#include "base/min_rate.h"
#include "connection/connection.h"
#include "http/body.h"
#include "http/request.h"
#include "http/response.h"

enum exchange_state {
	EXCHANGE_WAITING,   /* for a request; the output has whole responses */
	EXCHANGE_ANSWERING, /* a response is made, none of it is in the output */
	EXCHANGE_STREAMING, /* its head is in the output, more is to come */
	EXCHANGE_FINISHING, /* all of it is known, and goes to the output */
	EXCHANGE_ANSWERED,  /* all of it is in the output, or it is cut off */
};

/* What is known of a request from before this worker had it. */
struct exchange_arrival {
	bool request_timed_out; /* the client took too long to send it: 408 */
	bool queue_timed_out;	/* it waited for longer than --queue-timeout */
	bool content_collected; /* its content was waited for elsewhere */
	bool continue_sent;	/* 100 Continue; perhaps elsewhere */
	size_t head_start;	/* the lot has found the head there */
	size_t head_end;	/* 0: it is to be found */
	int64_t ready_since; /* it began to wait for a worker; 0: it did not */
};

struct exchange {
	struct connection *connection;
	enum exchange_state state;
	struct exchange_arrival arrival;
	int64_t began; /* when a worker had its head */

	struct request request;
	struct buffer path;		/* request.path; owned */
	const struct site_mount *mount; /* that is to answer, or NULL */
	struct text path_below;		/* the path behind its prefix */

	struct body body;	   /* the request's content */
	uint64_t content_at;	   /* input.taken where it begins */
	struct min_rate body_rate; /* begun when body bytes are waited for */
	int content_failure;	   /* status that a bad body earns; 0: none */
	size_t wanted_bytes;	   /* to come back with, unless 0: collect.h */
	uint64_t taken_before;	   /* input.taken where the request begins */

	struct response response;
	struct buffer head;   /* of the response; owned */
	bool chunked;	      /* the response is */
	uint64_t sent_before; /* output_position when the response began */
	uint64_t answer_from; /* and behind an interim response */
	uint64_t
	    content_from; /* and behind the head; UINT64_MAX: no head yet */
	uint64_t content_sent; /* bytes, as far as output took them */
};

/* Of zeroed memory. */
void exchange_init(struct exchange *x, struct connection *connection);
void exchange_free(struct exchange *x);
/* Before the first request of a client, and after each. */
void exchange_reset(struct exchange *x);
/* The one place that changes the state. */
void exchange_enter(struct exchange *x, enum exchange_state state);
/*
 * Bytes of the response's content that are on their way, of the first so many
 * bytes of the output.
 */
uint64_t exchange_content_in(const struct exchange *x, uint64_t position);

#endif
