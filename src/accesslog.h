/*
 * accesslog: a line for each response, in a format (logformat.h).  Whatever a
 * client sent is escaped and cut (escape.h).
 */
#ifndef TINED_ACCESSLOG_H
#define TINED_ACCESSLOG_H

#include <sys/types.h>

#include <time.h>

#include "logfile.h"
#include "logformat.h"
#include "request.h"

/* Of a duration: that nobody knows it. */
#define ACCESSLOG_UNKNOWN (-1)

struct accesslog_entry {
	const char *client;
	int client_port; /* -1: unknown */
	int server_port;
	struct text line; /* as far as it came */
	const struct request *request;
	struct text head; /* of the response, as it was sent */
	int status;
	uint64_t content;  /* bytes of it, sent */
	uint64_t received; /* bytes, heads too */
	uint64_t sent;
	struct timespec ended; /* by the clock on the wall */
	/* Nanoseconds, or ACCESSLOG_UNKNOWN: */
	int64_t duration;   /* since the request's head was complete */
	int64_t first_byte; /* from then until the response began to leave */
	int64_t queued;	    /* waited for a worker, before all that */
	size_t worker;
	pid_t process;	   /* 0: this one */
	uint32_t requests; /* before it on this connection */
	bool aborted;	   /* the response is not whole */
	bool closes;
};

/* Adds a line, without its newline. */
void accesslog_add(struct buffer *line, const struct logformat *format,
    const struct accesslog_entry *e);
void accesslog_write(struct logfile *f, const struct logformat *format,
    const struct accesslog_entry *e);

#endif
