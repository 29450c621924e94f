/*
 * access_log: a line for each response, in a format (log_format.h).  Whatever a
 * client sent is escaped and cut (escape.h).
 */
#ifndef TINED_HTTP_ACCESS_LOG_H
#define TINED_HTTP_ACCESS_LOG_H

#include <sys/types.h>

#include <time.h>

#include "base/logfile.h"
#include "http/log_format.h"
#include "http/request.h"

/* Of a duration: that nobody knows it. */
#define ACCESS_LOG_UNKNOWN (-1)

struct access_log_entry {
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
	/* Nanoseconds, or ACCESS_LOG_UNKNOWN: */
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
void access_log_add(struct buffer *line, const struct log_format *format,
    const struct access_log_entry *e);
void access_log_write(struct logfile *f, const struct log_format *format,
    const struct access_log_entry *e);

#endif
