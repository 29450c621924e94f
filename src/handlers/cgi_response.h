/*
 * cgi_response: parses the head that a CGI program writes before its content
 * (RFC 3875, 6).  Lines end in LF or CRLF, and an empty line ends the head.
 */
#ifndef TINED_HANDLERS_CGI_RESPONSE_H
#define TINED_HANDLERS_CGI_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* The largest head, in bytes. */
#define CGI_RESPONSE_HEAD_MAX (64 << 10)

struct cgi_response {
	int status;	      /* 200 to 599 */
	struct text reason;   /* after the status code; may be empty */
	struct text location; /* empty: none */
	/*
	 * The server is to serve location itself, a path with an optional query
	 * (RFC 3875, 6.2.2).
	 */
	bool local_redirect;
	bool has_length;
	uint64_t length; /* of the content */
};

/*
 * Returns the length of the head at the beginning of seen, with its empty line;
 * 0 if its end is not there yet.  *looked is the number of bytes that earlier
 * calls have looked at, at first 0.
 */
size_t cgi_response_head_length(struct text seen, size_t *looked);
/*
 * Parses a complete head; the texts of *r are views of it.  Returns NULL, or
 * what is wrong with the head.
 */
const char *cgi_response_parse(struct text head, struct cgi_response *r);
/*
 * Gets the next field of a head that has been parsed without a mistake, and
 * moves *rest past it.  Leaves out the fields that the server sets itself, and
 * Status.  False at the end.
 */
bool cgi_response_next_field(
    struct text *rest, struct text *name, struct text *value);

#endif
