/*
 * log_format: parses the format of the access log, in the syntax of Apache's
 * mod_log_config, into a list of pieces, from which access_log.c makes lines.
 */
#ifndef TINED_HTTP_LOG_FORMAT_H
#define TINED_HTTP_LOG_FORMAT_H

#include "base/buffer.h"
#include "http/request.h"

#define LOG_FORMAT_MAX 1024 /* bytes of a format */
#define LOG_FORMAT_STATUSES_MAX 8
#define LOG_FORMAT_DEFAULT "combined"
/* The largest result of strftime(3), with its NUL. */
#define LOG_FORMAT_DATE_SIZE 128

enum log_format_what {
	LOG_FORMAT_LITERAL,
	LOG_FORMAT_CLIENT,
	LOG_FORMAT_CLIENT_PORT,
	LOG_FORMAT_SERVER_PORT,
	LOG_FORMAT_LINE,
	LOG_FORMAT_METHOD,
	LOG_FORMAT_TARGET, /* the whole request line if it is malformed */
	LOG_FORMAT_PATH,
	LOG_FORMAT_QUERY, /* with its "?" */
	LOG_FORMAT_PROTOCOL,
	LOG_FORMAT_AUTHORITY, /* as requested */
	LOG_FORMAT_HOST,      /* the same without its port */
	LOG_FORMAT_REQUEST_FIELD,
	LOG_FORMAT_RESPONSE_FIELD,
	LOG_FORMAT_STATUS,
	LOG_FORMAT_CONTENT,	    /* bytes sent */
	LOG_FORMAT_CONTENT_OR_DASH, /* the same, "-" for 0 */
	LOG_FORMAT_RECEIVED,	    /* bytes, including heads */
	LOG_FORMAT_SENT,
	LOG_FORMAT_TRANSFERRED,	  /* received and sent */
	LOG_FORMAT_TIME,	  /* [23/Nov/2026:18:41:22 +0000] */
	LOG_FORMAT_TIME_UTC,	  /* RFC 3339, with microseconds */
	LOG_FORMAT_TIME_STRFTIME, /* in the format text */
	LOG_FORMAT_TIME_UNITS,	  /* units since 1970 */
	LOG_FORMAT_TIME_FRACTION, /* units since the last second */
	LOG_FORMAT_DURATION,
	LOG_FORMAT_QUEUE_TIME,
	LOG_FORMAT_FIRST_BYTE,
	LOG_FORMAT_STALL_TIME,
	LOG_FORMAT_STALL_CAUSE,
	LOG_FORMAT_WORKER,
	LOG_FORMAT_PROCESS,
	LOG_FORMAT_REQUESTS, /* earlier ones on the same connection */
	LOG_FORMAT_REUSED,   /* true if there are any */
	LOG_FORMAT_END,	     /* X (incomplete), + (stays open) or - */
};

struct log_format_piece {
	enum log_format_what what;
	enum field_id id; /* of a request's field */
	struct text text; /* a literal, the name of a field, a date's format;
			   * the last has a NUL behind it */
	int64_t unit;	  /* of a time, nanoseconds */
	/* Only for these status codes, or only for others; else "-". */
	size_t status_count; /* 0: for all status codes */
	short statuses[LOG_FORMAT_STATUSES_MAX];
	bool others;
	bool json;   /* a JSON value; null if it is missing */
	bool at_end; /* the time of the response's end */
};

struct log_format {
	struct log_format_piece *pieces; /* owned */
	size_t count;
	char *text;		/* owned: the pieces are views into it */
	bool wants_server_port; /* finding it costs a system call */
	bool wants_first_byte;	/* it costs a reading of the clock */
};

/*
 * Parses "common", "combined", "json", or a format string.  On failure returns
 * -1 and completes "--log-format FORMAT: expected ..." in *why.
 */
int log_format_parse(
    struct log_format *f, const char *format, struct buffer *why);
void log_format_free(struct log_format *f);

#endif
