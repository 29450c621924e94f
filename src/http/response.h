/*
 * response: what a handler answers: a status, fields, and content that is
 * bytes, a region of a file, or a stream written piece by piece.  The
 * connection sends it, and adds the fields that are its own: Date, Server,
 * Content-Length, Transfer-Encoding, Connection.
 */
#ifndef TINED_HTTP_RESPONSE_H
#define TINED_HTTP_RESPONSE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "http/request.h"

/* Enough for RANGES_MAX parts with their heads and the end. */
#define RESPONSE_PIECES_MAX 513
/* A stream that ends before this has a Content-Length and is one send. */
#define RESPONSE_STREAM_MAX (64 << 10)
/* A worker keeps no more memory than this for the next response. */
#define RESPONSE_TEXT_KEPT (256 << 10)

enum piece_kind {
	PIECE_BYTES, /* that outlive the response */
	PIECE_TEXT,  /* a part of response.text */
	PIECE_FILE,  /* a region of response.file */
};

struct piece {
	enum piece_kind kind;
	const char *bytes; /* of PIECE_BYTES */
	uint64_t offset;   /* of PIECE_TEXT and PIECE_FILE */
	uint64_t length;
};

struct response {
	int status;
	struct buffer fields; /* complete lines, each with its CRLF */
	struct buffer text;   /* bytes made for this response */
	int file;	      /* owned; -1 if none */

	size_t piece_count;
	uint64_t length; /* of all pieces, bytes */

	bool wants_page;   /* response_error: a page is yet to be added */
	bool wants_reload; /* what is mounted is not there any more */
	/* What it says in place of the usual; outlives it.  NULL: the usual. */
	const char *advice;
	bool streaming; /* response_write was called */
	bool has_declared_length;
	uint64_t declared_length; /* of a stream */
	/* Sends what has been written; -1: give up. The connection's. */
	int (*flush)(void *context);
	void *context;

	struct piece pieces[RESPONSE_PIECES_MAX]; /* the last: response_init */
};

/* How the connection frames what it sends; see response_add_head. */
struct response_framing {
	bool has_length;
	bool chunked;
	bool close;	 /* this response is the last */
	bool keep_alive; /* say so: to a client of HTTP/1.0 */
	bool undated;	 /* it is not known when it will be sent */
	uint64_t length;
};

void response_init(struct response *r);
/* 200 without content; the file is closed. */
void response_reset(struct response *r);
void response_free(struct response *r);

/*
 * Adds a field.  -1, and nothing added, when the name is not a token or the
 * value has a control byte: whoever set it, no CR, LF or NUL goes out.
 */
int response_field(struct response *r, struct text name, struct text value);
int response_printf_field(struct response *r, const char *name,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
bool response_field_is_valid(struct text name, struct text value);

/* The type is what it says: X-Content-Type-Options (WHATWG Fetch). */
void response_no_sniffing(struct response *r);

void response_add_bytes(struct response *r, const char *bytes, size_t len);
/* What was added to text since that offset is content. */
void response_add_text(struct response *r, size_t offset);
/* The file must be set; a region past its end aborts the connection. */
void response_add_file(struct response *r, uint64_t offset, uint64_t length);

/* A stream: content of a length that need not be known.  -1: give up. */
int response_write(struct response *r, const char *bytes, size_t len);
/* What was written leaves at once. */
int response_flush(struct response *r);
/* Before the first write; the stream must then be so long. */
void response_declare_length(struct response *r, uint64_t length);

/* Status line to empty line (RFC 9112, 4); extra are complete lines. */
void response_add_head(const struct response *r,
    const struct response_framing *framing, struct text extra,
    struct buffer *out);

/*
 * Begins again, with this status and a page to be added at the end; fields may
 * be added to it.  The page says what is wrong and nothing of the request.
 */
void response_error(struct response *r, int status);
void response_add_page(struct response *r);

#endif
