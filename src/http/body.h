/*
 * body: decodes the body of a request (RFC 9112, 6 and 7.1).  It neither reads
 * sockets nor copies data: it tells which of the given bytes are content.
 */
#ifndef TINED_HTTP_BODY_H
#define TINED_HTTP_BODY_H

#include "http/request.h"

#define BODY_CHUNK_LINE_MAX 256 /* chunk-size, extensions; without CRLF */
/* In all chunks together.  Without a limit: CVE-2023-39326. */
#define BODY_EXTENSIONS_MAX (16 << 10)
#define BODY_TRAILER_LINE_MAX 8192
#define BODY_TRAILERS_MAX (16 << 10) /* bytes of all trailer lines */

enum body_state {
	BODY_DATA, /* within content with a length, or within a chunk */
	BODY_CHUNK_SIZE,
	BODY_CHUNK_END,
	BODY_TRAILERS,
	BODY_COMPLETE,
	BODY_REFUSED,
};

struct body {
	enum body_state state;
	bool chunked;
	uint64_t left;	   /* bytes that BODY_DATA still expects */
	uint64_t total;	   /* bytes of content so far */
	uint64_t max;	   /* limit on total */
	size_t extensions; /* bytes of chunk extensions so far */
	size_t trailers;   /* bytes of trailer lines so far */
	size_t trailer_count;
	int status; /* if BODY_REFUSED: 400 or 413 */
};

/* Begins with the framing of the request; may be BODY_REFUSED (413) at once. */
void body_start(struct body *b, const struct request *r, uint64_t max);
/* The same for chunked content, and for content with a length. */
void body_start_chunks(struct body *b, uint64_t max);
void body_start_length(struct body *b, uint64_t length, uint64_t max);
/*
 * Decodes bytes[0..len).  Sets *content to the part of them that is content,
 * perhaps empty, and returns the number of bytes that are consumed.  Call it
 * again with the rest and more bytes after it, until the state is BODY_COMPLETE
 * or BODY_REFUSED.  If it returns 0 without content, it needs more bytes.
 */
size_t body_take(
    struct body *b, const char *bytes, size_t len, struct text *content);

#endif
