/*
 * request: a parsed request.  All texts are views into the connection's input,
 * valid until the response is complete.
 */
#ifndef TINED_HTTP_REQUEST_H
#define TINED_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "http/method.h"

#define REQUEST_FIELDS_MAX 100

/* The header fields that tined evaluates. */
enum field_id {
	FIELD_OTHER,
	FIELD_ACCEPT,
	FIELD_ACCEPT_ENCODING,
	FIELD_CONNECTION,
	FIELD_CONTENT_LENGTH,
	FIELD_CONTENT_TYPE,
	FIELD_EXPECT,
	FIELD_HOST,
	FIELD_IF_MATCH,
	FIELD_IF_MODIFIED_SINCE,
	FIELD_IF_NONE_MATCH,
	FIELD_IF_RANGE,
	FIELD_IF_UNMODIFIED_SINCE,
	FIELD_RANGE,
	FIELD_REFERER,
	FIELD_TRANSFER_ENCODING,
	FIELD_USER_AGENT,
	FIELD_IDS
};

struct field {
	struct text name;  /* a token, as the client spelled it */
	struct text value; /* without whitespace at both ends */
	enum field_id id;
};

/* What determines the end of the content (RFC 9112, 6). */
enum framing {
	FRAMING_NONE,
	FRAMING_LENGTH,
	FRAMING_CHUNKED,
};

struct request {
	/* METHOD_OTHER is accepted; else it is a 501.  Never reset. */
	bool takes_any_method;

	struct text line;   /* the request line, without CRLF */
	struct text target; /* as sent */
	enum method method;
	int minor; /* 0 or 1; a higher one is 1: RFC 9110, 2.5 */

	struct text host;     /* the requested authority: RFC 9112, 3.3 */
	bool asterisk;	      /* the target is "*" */
	struct text raw_path; /* begins with "/"; still percent-encoded */
	struct text query;    /* without "?"; still percent-encoded */
	bool has_query;	      /* "/a?" has an empty one */
	struct text path;     /* decoded, dot segments removed (uri.h) */
	bool ambiguous_path;  /* it contained "%2f" or NUL (uri.h) */
	bool unencoded;	      /* respond with a redirect (uri.h) */

	/* How many fields of each id there are, and the index of the first. */
	unsigned char counts[FIELD_IDS];
	unsigned char firsts[FIELD_IDS];
	size_t field_count;

	enum framing framing;
	uint64_t length;       /* bytes, if FRAMING_LENGTH */
	bool expects_continue; /* RFC 9110, 10.1.1 */
	bool keep_alive;       /* RFC 9112, 9.3 */

	struct field fields[REQUEST_FIELDS_MAX]; /* the last: request_reset */
};

/*
 * Returns the method: as the client sent it, the first word of the line, unless
 * a local redirect has made it another one.
 */
struct text request_method_name(const struct request *r);
/* Empties the request for the next head. */
void request_reset(struct request *r);

/* Returns FIELD_OTHER for a name that is not in the list above. */
enum field_id request_field_id(struct text name);
/* Gets the first field with that id; false if there is none. */
bool request_field(
    const struct request *r, enum field_id id, struct text *value);
/* The same, but false if there are several. */
bool request_only_field(
    const struct request *r, enum field_id id, struct text *value);

#endif
