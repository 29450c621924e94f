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

/* An exchange enters them in this order, and may leave some out. */
enum exchange_state {
	EXCHANGE_WAITING,   /* for a head: exchange.request is not valid */
	EXCHANGE_PARSED,    /* the head has been parsed into exchange.request */
	EXCHANGE_ANSWERING, /* nothing of the response is in the output yet */
	EXCHANGE_STREAMING, /* the head is in the output, content follows */
	EXCHANGE_FINISHING, /* the response is complete and enters the output */
	EXCHANGE_ANSWERED,  /* all of it is in the output, or it is cut off */
};

/* The lot tells the worker this about a request that it hands over. */
struct exchange_arrival {
	bool request_timed_out; /* the client took too long to send it: 408 */
	bool queue_timed_out;	/* it waited for longer than --queue-timeout */
	bool content_collected; /* the lot has waited for its content */
	bool continue_sent;	/* 100 Continue was sent */
	size_t head_start;	/* the lot has found the head there */
	size_t head_end;	/* 0: it is to be found */
	int64_t ready_since;	/* the wait for a worker began; 0: no wait */
};

struct tined_exchange {
	struct connection *connection;
	enum exchange_state state;
	struct exchange_arrival arrival;
	int64_t wait_began; /* for the client; 0: there was no wait yet */
	int64_t began;	    /* when this worker had the head */
	/* Of the response before, or of this stream; time 0: none, as known. */
	struct stall stall;

	struct buffer path;		 /* request.path; owned */
	const struct tined_mount *mount; /* that responds, or NULL */
	struct text path_below;		 /* the path after its prefix */
	/* Of a local redirect (builtin_redirect): the next, and the present
	 * target, which request has views of; owned. */
	struct buffer redirect, redirected;

	struct body body;	   /* the request's content */
	uint64_t content_at;	   /* input.taken where it begins */
	struct min_rate body_rate; /* begins with the first wait for the body */
	int content_failure;	   /* status code for a bad body; 0: none */
	int content_file;	   /* tined_read_whole's; owned; -1: none */
	size_t wanted_bytes;	   /* for the lot to collect, or 0: collect.h */
	uint64_t taken_before;	   /* input.taken where the request begins */

	struct buffer head;   /* of the response; owned */
	bool chunked;	      /* the response is chunked */
	uint64_t sent_before; /* output_position before the response */
	uint64_t answer_from; /* and after an interim response */
	uint64_t
	    content_from; /* and behind the head; UINT64_MAX: no head yet */
	uint64_t content_sent; /* bytes, as far as output took them */

	/* The last: an idle worker has no memory for their tables yet. */
	struct response response;
	struct request request;
};

/* Initializes zeroed memory. */
void exchange_init(struct tined_exchange *x, struct connection *connection);
void exchange_free(struct tined_exchange *x);
/* Call it before the first request of a client, and after each request. */
void exchange_reset(struct tined_exchange *x);
/*
 * Changes the state; no other function does.  Each exchange begins with
 * EXCHANGE_WAITING, and only a parser that has filled in the request may enter
 * EXCHANGE_PARSED.
 */
void exchange_enter(struct tined_exchange *x, enum exchange_state state);
/*
 * Returns how many bytes of the response's content are before that position of
 * the output.
 */
uint64_t exchange_content_in(const struct tined_exchange *x, uint64_t position);

#endif
