/*
 * request_head: the head of a request, guarded.  Bytes are scanned raw until
 * the head is complete; then each line is checked, and taken apart, by its
 * grammar; and http-parser must read the same in the lines that decide what is
 * asked for and where the message ends.  The answer never depends on how the
 * bytes were cut by TCP.
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
	REQUEST_HEAD_MORE,     /* not yet complete */
	REQUEST_HEAD_COMPLETE, /* bytes[start..end) is a head */
	REQUEST_HEAD_REFUSED,  /* status says why */
};

/* Where a scan has come to.  All zeroes begins one. */
struct request_head_scan {
	size_t start;	/* of the request line, past empty lines */
	size_t line;	/* start of the present line */
	size_t at;	/* up to here nothing need be looked at again */
	size_t end;	/* of the head, past its empty line */
	size_t empties; /* empty lines before the request line */
	size_t lines;	/* complete ones, the request line among them */
	int status;
};

/*
 * Looks for the end of a head in bytes[0..len); called again with the same
 * bytes and more behind them until it is not REQUEST_HEAD_MORE.  max is for the
 * head from start to end.  Refuses with 400 (a CR or LF alone), 414 or 431, and
 * with 501 when the line that is too long begins with a method that nothing
 * here implements (RFC 9112, 3).
 */
enum request_head_found request_head_find(
    struct request_head_scan *scan, const char *bytes, size_t len, size_t max);
/* Whether more has come than empty lines, which are no request that failed. */
bool request_head_has_begun(const struct request_head_scan *scan, size_t len);
/*
 * Parses a complete head into *r, all of it but path.  0, or the status to
 * refuse it with: 400, 501, 505 (RFC 9112, 2.2, 3, 5, 6; RFC 9110, 7.2).
 */
int request_head_parse(const char *head, size_t len, struct request *r);

#endif
