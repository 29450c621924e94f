/*
 * body: finds the content of a request in the bytes behind its head
 * (RFC 9112, 6 and 7.1).  It reads no socket and copies nothing: it says which
 * of the bytes it was given are content.
 */
#ifndef TINED_HTTP_BODY_H
#define TINED_HTTP_BODY_H

#include "http/request.h"

#define BODY_CHUNK_LINE_MAX 256 /* chunk-size, extensions; without CRLF */
/* Of all chunks together: CVE-2023-39326 is what comes without a bound. */
#define BODY_EXTENSIONS_MAX (16 << 10)
#define BODY_TRAILER_LINE_MAX 8192
#define BODY_TRAILERS_MAX (16 << 10) /* bytes of all trailer lines */

enum body_state {
	BODY_DATA, /* of a length, or of a chunk */
	BODY_CHUNK_SIZE,
	BODY_CHUNK_END,
	BODY_TRAILERS,
	BODY_COMPLETE,
	BODY_REFUSED,
};

struct body {
	enum body_state state;
	bool chunked;
	uint64_t left;	   /* bytes of data that are still to come */
	uint64_t total;	   /* bytes of content so far */
	uint64_t max;	   /* bytes of content that are allowed */
	size_t extensions; /* bytes of chunk extensions so far */
	size_t trailers;   /* bytes of trailer lines so far */
	size_t trailer_count;
	int status; /* of BODY_REFUSED: 400 or 413 */
};

/* From the framing of a request; may be BODY_REFUSED (413) at once. */
void body_start(struct body *b, const struct request *r, uint64_t max);
/* The same, in chunks, or of a length. */
void body_start_chunks(struct body *b, uint64_t max);
void body_start_length(struct body *b, uint64_t length, uint64_t max);
/*
 * Looks at bytes[0..len).  *content is the part of them that is content,
 * perhaps empty; the return value is how many are done with.  Call again with
 * the rest, and with more behind it, until the state is BODY_COMPLETE or
 * BODY_REFUSED.  0 and no content: more bytes are needed.
 */
size_t body_take(
    struct body *b, const char *bytes, size_t len, struct text *content);

#endif
