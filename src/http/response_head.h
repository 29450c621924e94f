/*
 * response_head: parses the head of a response that another server has sent, for
 * a gateway.  That server may be as hostile as a client: what two readers could
 * read differently is refused (RFC 9112, 4, 5, 6.3).
 */
#ifndef TINED_HTTP_RESPONSE_HEAD_H
#define TINED_HTTP_RESPONSE_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

#define RESPONSE_HEAD_FIELDS_MAX 256
/* Of all Connection fields together. */
#define RESPONSE_HEAD_OPTIONS_MAX 32

/* What determines the end of the content: RFC 9112, 6.3. */
enum response_head_framing {
	RESPONSE_HEAD_NONE, /* there is no content */
	RESPONSE_HEAD_LENGTH,
	RESPONSE_HEAD_CHUNKED,
	RESPONSE_HEAD_CLOSE, /* the end of the connection */
};

/* The texts are views of the head. */
struct response_head {
	int minor;
	int status; /* 100 to 599 */
	struct text reason;
	struct text fields; /* complete lines, with CRLF */
	struct text date;   /* the value of Date; empty: none, or several */

	enum response_head_framing framing;
	bool has_length; /* in answer to HEAD as well */
	uint64_t length;
	bool keep_alive; /* RFC 9112, 9.3 */

	/* Names of fields for this connection only: RFC 9110, 7.6.1. */
	struct text options[RESPONSE_HEAD_OPTIONS_MAX];
	size_t option_count;
};

/*
 * Looks for the end of a head at the beginning of seen.  Returns its length; or 0
 * if more bytes are needed, or if a line does not end in CRLF, and then sets
 * *wrong.  *line is the progress of earlier calls, at first 0: the offset of the
 * first line that they have not seen completely.
 */
size_t response_head_find(struct text seen, size_t *line, const char **wrong);
/*
 * Parses a complete head, of the response to a request that is HEAD or not.
 * Returns NULL, or what is wrong with it.
 */
const char *response_head_parse(
    struct text head, bool is_head, struct response_head *h);
/*
 * Gets the next of the fields that a gateway passes on, with its whole line, and
 * moves *rest past it; at first *rest is h->fields.  Leaves out those that are for
 * one connection only, and those that tined sets itself: Content-Length, Date and
 * Server.  False at the end.
 */
bool response_head_next(const struct response_head *h, struct text *rest,
    struct text *line, struct text *name, struct text *value);

#endif
