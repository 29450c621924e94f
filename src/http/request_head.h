/*
 * request_head: finds and parses the head of a request.  A scan of the raw
 * bytes finds its end.  Then each line is checked against its grammar and
 * split.  http-parser must read the same from the lines that determine the
 * target and the end of the message.  The outcome never depends on how TCP has
 * split the bytes.
 */
#ifndef TINED_HTTP_REQUEST_HEAD_H
#define TINED_HTTP_REQUEST_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "http/request.h"

#define REQUEST_HEAD_LINE_MAX                                                  \
	8192 /* the request line, without CRLF: RFC 9112, 3 */
#define REQUEST_HEAD_EMPTY_LINES_MAX                                           \
	8 /* before the request line: RFC 9112, 2.2 */

enum request_head_found {
	REQUEST_HEAD_MORE,     /* incomplete: more bytes are needed */
	REQUEST_HEAD_COMPLETE, /* bytes[start..end) is a head */
	REQUEST_HEAD_REFUSED,  /* with the status code in status */
};

/* The progress of a scan.  All zeroes is the beginning. */
struct request_head_scan {
	size_t start;	/* of the request line, past empty lines */
	size_t line;	/* start of the current line */
	size_t at;	/* bytes[0..at) have been scanned */
	size_t end;	/* of the head, past its empty line */
	size_t empties; /* empty lines before the request line */
	size_t lines;	/* complete lines, including the request line */
	int status;
};

/*
 * Looks for the end of a head in bytes[0..len).  While it returns
 * REQUEST_HEAD_MORE, call it again with the same bytes and more after them.
 * max is the largest size of a head, from start to end.  Refuses with 400 (a CR
 * or LF alone), 414 or 431, and with 501 if the request line is too long and
 * begins with an unknown method (RFC 9112, 3).
 */
enum request_head_found request_head_find(
    struct request_head_scan *scan, const char *bytes, size_t len, size_t max);
/*
 * True if anything but empty lines has arrived.  If not, the end of the
 * connection is not a failed request.
 */
bool request_head_has_begun(const struct request_head_scan *scan, size_t len);
/*
 * Resets *r and parses a complete head into it, except r->path.  Returns 0, or the
 * status code to refuse it with: 400, 501 or 505 (RFC 9112, 2.2, 3, 5, 6; RFC 9110,
 * 7.2).
 */
int request_head_parse(const char *head, size_t len, struct request *r);
/*
 * The same in one pass in the usual case: the head is complete and valid, and
 * no empty line comes before it.  Returns its length, or 0 in any other case, with
 * *r undefined.
 */
size_t request_head_take(
    const char *bytes, size_t len, size_t max, struct request *r);

#endif
