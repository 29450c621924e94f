/*
 * response: the response of a handler: a status code, header fields, and
 * content that consists of bytes, regions of a file, or a stream that the
 * handler writes in pieces.  The connection sends it, and adds its own header
 * fields: Date, Server, Content-Length, Transfer-Encoding and Connection.
 */
#ifndef TINED_HTTP_RESPONSE_H
#define TINED_HTTP_RESPONSE_H

#include <stdarg.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "http/request.h"

/* A head and a region for each of RANGES_MAX parts, and the final boundary. */
#define RESPONSE_PIECES_MAX 513
/* A stream of up to this size has a Content-Length and leaves in one send. */
#define RESPONSE_STREAM_MAX (64 << 10)
/* The memory that a worker keeps in text for its next response. */
#define RESPONSE_TEXT_KEPT (256 << 10)

enum piece_kind {
	PIECE_BYTES, /* response_add_bytes */
	PIECE_COPY,  /* response_add_copy */
	PIECE_TEXT,  /* a part of response.text */
	PIECE_FILE,  /* a region of response.file */
};

struct piece {
	enum piece_kind kind;
	const char *bytes; /* PIECE_BYTES and PIECE_COPY only */
	uint64_t offset;   /* PIECE_TEXT and PIECE_FILE only */
	uint64_t length;
};

struct response {
	int status;
	struct buffer reason; /* empty: that of status_code_reason */
	struct buffer fields; /* complete header lines with CRLF */
	bool has_date;	      /* Date is one of them */
	struct buffer text;   /* bytes generated for this response */
	int file;	      /* -1 if none */
	bool file_is_lent;    /* it is not owned */

	size_t piece_count;
	uint64_t length; /* of all pieces, bytes */

	/* Set when something is refused; see response_mistake. */
	const char *mistake;
	bool wants_page; /* response_status_page: add a page at the end */
	/* The sentence on an error page; outlives the response.  NULL: that of
	 * status_code_advice. */
	const char *advice;
	bool streaming;	 /* text is content of a stream */
	bool broken_off; /* the stream will never be whole */
	bool has_declared_length;
	uint64_t declared_length; /* of a stream */

	struct piece pieces[RESPONSE_PIECES_MAX]; /* the last: response_init */
};

/* How the connection frames the response; see response_add_head. */
struct response_framing {
	bool has_length;
	bool chunked;
	bool close;	 /* send Connection: close */
	bool keep_alive; /* send Connection: keep-alive, for HTTP/1.0 */
	bool undated;	 /* no Date: prepared for a later response */
	uint64_t length;
};

void response_init(struct response *r);
/* Makes it a 200 without content, and closes the file. */
void response_reset(struct response *r);
void response_free(struct response *r);

/*
 * Adds a header field.  Returns -1 and adds nothing if the name is not a token,
 * the value has a control byte, or only the connection may set the field.  The
 * response is then refused: see response_mistake.
 */
int response_field(struct response *r, struct text name, struct text value);
/* The same, in place of all fields of that name, in any case. */
int response_set_field(struct response *r, struct text name, struct text value);
int response_printf_field(struct response *r, const char *name,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
int response_vprintf_field(struct response *r, const char *name,
    const char *format, va_list args) __attribute__((format(printf, 3, 0)));
bool response_field_is_valid(struct text name, struct text value);
/* Whether only the connection sets this field: framing, Date, Server. */
bool response_field_is_own(struct text name);
/* Sets the reason phrase (RFC 9112, 4), which may be refused as well. */
void response_set_reason(struct response *r, struct text reason);
/*
 * Returns why the response must not be sent, in words for the log, or NULL if
 * it may be sent.  response_reset and response_status_page forget a refused field.
 */
const char *response_mistake(const struct response *r);

/* Adds X-Content-Type-Options: nosniff (WHATWG Fetch). */
void response_no_sniffing(struct response *r);

/*
 * Adds complete header lines, without a check: the caller knows that each would
 * be accepted by response_field.
 */
void response_add_fields(struct response *r, struct text lines);

/*
 * Content consists of pieces, or is a stream.  A response with both, or with more
 * than RESPONSE_PIECES_MAX pieces, is refused: see response_mistake.
 */

/* Adds bytes as content.  They are never changed, and not copied. */
void response_add_bytes(struct response *r, const char *bytes, size_t len);
/*
 * The same for bytes that the handler keeps until the response is complete, but
 * may change when it serves the next request: they are sent or copied before.
 */
void response_add_copy(struct response *r, const char *bytes, size_t len);
/* Adds response.text from that offset on as content. */
void response_add_text(struct response *r, size_t offset);
/*
 * Sets the file, which the response owns then, or which is lent until the response
 * is sent; the last one counts.
 */
void response_set_file(struct response *r, int file, bool is_lent);
/*
 * Adds a region of response.file as content.  If the file turns out to be
 * shorter, the connection is aborted.
 */
void response_add_file(struct response *r, uint64_t offset, uint64_t length);

/* Adds a copy of the bytes, in response.text, as content. */
void response_add_own(struct response *r, const char *bytes, size_t len);

/*
 * Makes response.text content of a stream.  sent is the number of bytes that were
 * sent and taken out of it before.  More than the declared length is refused.
 */
void response_stream(struct response *r, uint64_t sent);
/* Declares the length of the stream.  Only before the first write. */
void response_declare_length(struct response *r, uint64_t length);

/*
 * Adds the head to *out, from status line to empty line (RFC 9112, 4); extra
 * contains complete header lines.
 */
void response_add_head(const struct response *r,
    const struct response_framing *framing, struct text extra,
    struct buffer *out);

/*
 * Replaces the response by one with that status code and a page that explains
 * it: an error, or a redirect.  The handler may still add header fields; the
 * connection adds the page with response_add_page, which contains nothing from
 * the request.
 */
void response_status_page(struct response *r, int status);
void response_add_page(struct response *r);

#endif
