/*
 * log_format: what a line of the access log is made of.  A format in Apache's
 * letters (mod_log_config), or the name of one, becomes a list of pieces,
 * once; access_log.c writes lines by it.
 */
#ifndef TINED_HTTP_LOG_FORMAT_H
#define TINED_HTTP_LOG_FORMAT_H

#include "base/buffer.h"
#include "http/request.h"

#define LOG_FORMAT_MAX 1024 /* bytes of a format */
#define LOG_FORMAT_STATUSES_MAX 8
#define LOG_FORMAT_DEFAULT "combined"
/* Of what strftime(3) makes of a format. */
#define LOG_FORMAT_DATE_SIZE 128

enum log_format_what {
	LOG_FORMAT_LITERAL,
	LOG_FORMAT_UNKNOWN, /* what never is known */
	LOG_FORMAT_CLIENT,
	LOG_FORMAT_CLIENT_PORT,
	LOG_FORMAT_SERVER_PORT,
	LOG_FORMAT_LINE,
	LOG_FORMAT_METHOD,
	LOG_FORMAT_TARGET, /* all of a line that is no request line */
	LOG_FORMAT_PATH,
	LOG_FORMAT_QUERY, /* with its "?" */
	LOG_FORMAT_PROTOCOL,
	LOG_FORMAT_AUTHORITY, /* as it was asked for */
	LOG_FORMAT_HOST,      /* the same without its port */
	LOG_FORMAT_REQUEST_FIELD,
	LOG_FORMAT_RESPONSE_FIELD,
	LOG_FORMAT_STATUS,
	LOG_FORMAT_CONTENT,	    /* bytes sent */
	LOG_FORMAT_CONTENT_OR_DASH, /* the same, "-" for 0 */
	LOG_FORMAT_RECEIVED,	    /* bytes, heads too */
	LOG_FORMAT_SENT,
	LOG_FORMAT_TRANSFERRED,	  /* both */
	LOG_FORMAT_TIME,	  /* [23/Nov/2026:18:41:22 +0000] */
	LOG_FORMAT_TIME_UTC,	  /* RFC 3339, with microseconds */
	LOG_FORMAT_TIME_STRFTIME, /* by text */
	LOG_FORMAT_TIME_UNITS,	  /* since 1970 */
	LOG_FORMAT_TIME_FRACTION, /* of its second, in units */
	LOG_FORMAT_DURATION,
	LOG_FORMAT_QUEUE_TIME,
	LOG_FORMAT_FIRST_BYTE,
	LOG_FORMAT_WORKER,
	LOG_FORMAT_PROCESS,
	LOG_FORMAT_REQUESTS, /* before it on the same connection */
	LOG_FORMAT_REUSED,   /* whether there were any */
	LOG_FORMAT_END,	     /* of the response: X, + or - */
};

struct log_format_piece {
	enum log_format_what what;
	enum field_id id; /* of a request's field */
	struct text text; /* a literal, the name of a field, a date's format;
			   * the last has a NUL behind it */
	int64_t unit;	  /* of a time, nanoseconds */
	/* For these only, or for all others only; "-" in place of it. */
	size_t status_count; /* 0: for all */
	short statuses[LOG_FORMAT_STATUSES_MAX];
	bool others;
	bool json;   /* as a value of JSON; null for what is not there */
	bool at_end; /* a time: of the response, not of the request */
};

struct log_format {
	struct log_format_piece *pieces; /* owned */
	size_t count;
	char *text;		/* owned: what the pieces view */
	bool wants_server_port; /* which costs a system call */
};

/*
 * "common", "combined", "json", or letters.  -1, and *why has words that
 * complete "--log-format FORMAT: wants ...".
 */
int log_format_parse(
    struct log_format *f, const char *format, struct buffer *why);
void log_format_free(struct log_format *f);

#endif
