/*
 * access_log: writes a line for each response, in a format (log_format.h).
 * Everything that comes from the client is escaped and cut (escape.h).
 */
#ifndef TINED_HTTP_ACCESS_LOG_H
#define TINED_HTTP_ACCESS_LOG_H

#include <sys/types.h>

#include <time.h>

#include "base/logfile.h"
#include "http/log_format.h"
#include "http/request.h"
#include "net/stall.h"

/* A duration that is unknown. */
#define ACCESS_LOG_UNKNOWN (-1)

struct access_log_entry {
	const char *client;
	int client_port; /* -1: unknown */
	int server_port;
	struct text line; /* the request line, as far as it has arrived */
	const struct request *request;
	struct text head; /* of the response, as it was sent */
	int status;
	uint64_t content;      /* bytes of content sent */
	uint64_t received;     /* bytes, including heads */
	uint64_t sent;	       /* bytes, including heads */
	struct timespec ended; /* CLOCK_REALTIME */
	/* Nanoseconds, or ACCESS_LOG_UNKNOWN: */
	int64_t duration;   /* since the head of the request was complete */
	int64_t first_byte; /* from then until the response's first byte */
	int64_t queued;	    /* the wait for a worker, before all that */
	size_t worker;
	struct stall stall; /* of the response before; time 0: none */
	pid_t process;	    /* 0: this one */
	uint32_t requests;  /* earlier ones on this connection */
	bool aborted;	    /* the response is incomplete */
	bool closes;	    /* the connection does not persist */
};

/* Adds a line without its newline to a buffer. */
void access_log_add(struct buffer *line, const struct log_format *format,
    const struct access_log_entry *e);
void access_log_write(struct logfile *f, const struct log_format *format,
    const struct access_log_entry *e);

#endif
