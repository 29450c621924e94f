/*
 * logformat: what a line of the access log is made of.  A format in Apache's
 * letters (mod_log_config), or the name of one, becomes a list of pieces,
 * once; accesslog.c writes lines by it.
 */
#ifndef TINED_LOGFORMAT_H
#define TINED_LOGFORMAT_H

#include "buffer.h"
#include "request.h"

#define LOGFORMAT_MAX 1024 /* bytes of a format */
#define LOGFORMAT_STATUSES_MAX 8
#define LOGFORMAT_DEFAULT "combined"
/* Of what strftime(3) makes of a format. */
#define LOGFORMAT_DATE_SIZE 128

enum logformat_what {
	LOGFORMAT_LITERAL,
	LOGFORMAT_UNKNOWN, /* what never is known */
	LOGFORMAT_CLIENT,
	LOGFORMAT_CLIENT_PORT,
	LOGFORMAT_SERVER_PORT,
	LOGFORMAT_LINE,
	LOGFORMAT_METHOD,
	LOGFORMAT_TARGET, /* all of a line that is no request line */
	LOGFORMAT_PATH,
	LOGFORMAT_QUERY, /* with its "?" */
	LOGFORMAT_PROTOCOL,
	LOGFORMAT_AUTHORITY, /* as it was asked for */
	LOGFORMAT_HOST,	     /* the same without its port */
	LOGFORMAT_REQUEST_FIELD,
	LOGFORMAT_RESPONSE_FIELD,
	LOGFORMAT_STATUS,
	LOGFORMAT_CONTENT,	   /* bytes sent */
	LOGFORMAT_CONTENT_OR_DASH, /* the same, "-" for 0 */
	LOGFORMAT_RECEIVED,	   /* bytes, heads too */
	LOGFORMAT_SENT,
	LOGFORMAT_TRANSFERRED,	 /* both */
	LOGFORMAT_TIME,		 /* [23/Nov/2026:18:41:22 +0000] */
	LOGFORMAT_TIME_UTC,	 /* RFC 3339, with microseconds */
	LOGFORMAT_TIME_STRFTIME, /* by text */
	LOGFORMAT_TIME_UNITS,	 /* since 1970 */
	LOGFORMAT_TIME_FRACTION, /* of its second, in units */
	LOGFORMAT_DURATION,
	LOGFORMAT_QUEUE_TIME,
	LOGFORMAT_FIRST_BYTE,
	LOGFORMAT_WORKER,
	LOGFORMAT_PROCESS,
	LOGFORMAT_REQUESTS, /* before it on the same connection */
	LOGFORMAT_REUSED,   /* whether there were any */
	LOGFORMAT_END,	    /* of the response: X, + or - */
};

struct logformat_piece {
	enum logformat_what what;
	enum field_id id; /* of a request's field */
	struct text text; /* a literal, the name of a field, a date's format;
			   * the last has a NUL behind it */
	int64_t unit;	  /* of a time, nanoseconds */
	/* For these only, or for all others only; "-" in place of it. */
	size_t status_count; /* 0: for all */
	short statuses[LOGFORMAT_STATUSES_MAX];
	bool others;
	bool json;   /* as a value of JSON; null for what is not there */
	bool at_end; /* a time: of the response, not of the request */
};

struct logformat {
	struct logformat_piece *pieces; /* owned */
	size_t count;
	char *text;		/* owned: what the pieces view */
	bool wants_server_port; /* which costs a system call */
};

/*
 * "common", "combined", "json", or letters.  -1, and *why has words that
 * complete "--log-format FORMAT: wants ...".
 */
int logformat_parse(
    struct logformat *f, const char *format, struct buffer *why);
void logformat_free(struct logformat *f);

#endif
