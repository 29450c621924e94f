/*
 * client: the client that a worker is serving: its connection, and the request
 * and response under way.  What the parts of layer 4 work on: connection.c is
 * its life from accept to close, exchange.c makes a response out of a request,
 * request_content.c reads the content of requests, respond.c sends responses.
 */
#ifndef TINED_CONNECTION_CLIENT_H
#define TINED_CONNECTION_CLIENT_H

#include "base/min_rate.h"
#include "connection/input.h"
#include "connection/output.h"
#include "connection/recycle.h"
#include "handlers/site.h"
#include "http/access_log.h"
#include "http/body.h"
#include "net/access.h"
#include "net/peer.h"
#include "shared/channel.h"
#include "shared/deferred_budget.h"
#include "shared/quarantine.h"
#include "shared/scoreboard.h"
#include "shared/wakeup.h"

/* Behind the longest head there is room for content, so that both are kept. */
#define CLIENT_CONTENT_ROOM (64 << 10)

/* What all connections of a process share; nothing of it is owned here. */
struct service {
	const struct config *config;
	const struct site *site;
	struct logfile *access_log;
	const struct log_format *log_format;
	struct scoreboard *board;
	const struct channel *ready;  /* what waits for a worker, or NULL */
	const struct channel *parked; /* and what for the lot */
	struct score *score;	      /* of this process, on the board */
	const struct wakeup *master;  /* to wake it, or NULL */
	size_t worker;		      /* its number, from 1 */
	/* NULL without --quarantine: what is held, and this process's place. */
	const struct quarantine *quarantine;
	struct quarantine_place *place;
	struct deferred_budget *deferred_budget; /* NULL without a lot */
	int64_t send_tick;	 /* SO_SNDTIMEO of all sockets */
	struct recycle *recycle; /* or NULL: it is never due */
};

/* How often a worker that misses the lot looks whether there is one again. */
#define CLIENT_ABSENCE_TICK (20 * CLOCK_MILLISECOND)

/* Pipelined answers, at most, whose times are taken one by one. */
#define CLIENT_UNACCOUNTED_MAX 32

struct client {
	struct service service;
	struct input in;
	struct output out;

	/* By the handler of a signal: the next response is the last. */
	volatile sig_atomic_t last;

	/* of the present client */
	int fd;
	struct peer peer;
	uint32_t requests;    /* answered on this connection */
	uint32_t streak;      /* of them, without giving way to others */
	bool allowed;	      /* by --allow */
	bool late;	      /* what it sends took too long elsewhere: 408 */
	bool collected;	      /* what it sends was waited for elsewhere */
	bool continued;	      /* 100 Continue was sent, perhaps elsewhere */
	bool queue_timed_out; /* it waited for longer than --queue-timeout */
	bool refused;  /* the lot did not take its request: served here */
	bool close;    /* after the present response */
	bool linger;   /* when closing: more may be on its way */
	size_t wanted; /* bytes to come back with, unless 0: collect.h */
	int64_t gap;   /* before the last request; nanoseconds */
	int64_t ready; /* when it began to wait for a worker; 0: no */
	/* Of the answers that wait in the output: when their requests came. */
	int64_t unaccounted[CLIENT_UNACCOUNTED_MAX];
	size_t unaccounted_count;
	uint64_t accounted_bytes; /* bytes sent that have been counted */

	/* of the present request */
	int64_t began; /* when a worker had its head */
	struct request request;
	struct response response;
	uint64_t taken_before;		/* input.taken, then */
	uint64_t sent_before;		/* output_position, then */
	struct buffer path;		/* request.path */
	const struct site_mount *mount; /* that is to answer, or NULL */
	struct text below;		/* the path behind its prefix */
	struct buffer head;		/* of the response */
	struct body body;
	uint64_t content_at;	   /* input.taken where it begins */
	struct min_rate body_rate; /* begun when body bytes are waited for */
	int failure;		   /* status that a bad body earns; 0: none */
	bool answering;		   /* its answer is not whole yet */
	bool finishing;		   /* nothing more of it is to be made */
	bool head_sent;		   /* to output, at least */
	bool chunked;		   /* the stream is */
	uint64_t answer_from;	   /* output_position where its answer begins */
	uint64_t content_from;	   /* output_position where it begins */
	uint64_t content_sent;	   /* bytes, as far as output took them */
};

/* Buffers are made here, once, for all clients to come. */
void client_init(struct client *c, const struct service *service);
void client_free(struct client *c);
/* Bytes that the input has room for. */
size_t client_room(const struct config *config);
/* Begins with a connection, which is closed by the caller. */
void client_attach(struct client *c, int fd, const struct peer *peer);
void client_detach(struct client *c);
/* Between clients, when there is time: gives back what few of them need. */
void client_forget(struct client *c);
/* Whether the process is to end, so that a response must say close. */
bool client_is_last(const struct client *c);
/* Whether there is a lot now; it may have been killed, or not have started. */
bool client_has_lot(const struct client *c);
/* Whether there should be one, and is none now. */
bool client_misses_lot(const struct client *c);
/* Whether the lot could take it, with what it has sent. */
bool client_may_park(const struct client *c);

#endif
