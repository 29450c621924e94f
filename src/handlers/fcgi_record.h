/*
 * fcgi_record: the records of FastCGI 1.0, as a server writes them for an
 * application, and reads what the application answers.  A connection has one
 * request at a time, and its id is always 1.
 */
#ifndef TINED_HANDLERS_FCGI_RECORD_H
#define TINED_HANDLERS_FCGI_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

#define FCGI_RECORD_HEADER 8
#define FCGI_RECORD_CONTENT_MAX 65535
#define FCGI_RECORD_END_CONTENT 8 /* of FCGI_RECORD_END_REQUEST */

enum fcgi_record_type {
	FCGI_RECORD_BEGIN_REQUEST = 1,
	FCGI_RECORD_END_REQUEST = 3,
	FCGI_RECORD_PARAMS = 4,
	FCGI_RECORD_STDIN = 5,
	FCGI_RECORD_STDOUT = 6,
	FCGI_RECORD_STDERR = 7,
};

/* The protocol status in FCGI_RECORD_END_REQUEST. */
enum fcgi_record_status {
	FCGI_RECORD_REQUEST_COMPLETE,
	FCGI_RECORD_CANNOT_MULTIPLEX,
	FCGI_RECORD_OVERLOADED,
	FCGI_RECORD_UNKNOWN_ROLE,
};

/* ---- To an application ---- */

/*
 * Writes the FCGI_RECORD_HEADER bytes before a record's content, which has
 * FCGI_RECORD_CONTENT_MAX bytes at most.
 */
void fcgi_record_header(char *to, enum fcgi_record_type type, size_t length);
/*
 * Begins a request in the role of a responder.  keep: the application leaves the
 * connection open after its answer.
 */
void fcgi_record_add_begin(struct buffer *b, bool keep);
/* Adds a variable to the content of the stream FCGI_RECORD_PARAMS. */
void fcgi_record_add_pair(
    struct buffer *pairs, struct text name, struct text value);
/* Adds content of a stream, in as many records as it needs. */
void fcgi_record_add_content(
    struct buffer *b, enum fcgi_record_type type, struct text content);
/* Ends a stream. */
void fcgi_record_add_end(struct buffer *b, enum fcgi_record_type type);

/* ---- From an application ---- */

/* All zeroes is the reader of a connection on which nothing was received. */
struct fcgi_record_reader {
	/* After FCGI_RECORD_ENDED: */
	uint32_t exit_status; /* of the application */
	enum fcgi_record_status status;
	/* After FCGI_RECORD_WRONG: what is wrong with the records. */
	const char *mistake;

	/* Of the record that is being read; the rest is fcgi_record_read's. */
	unsigned char header[FCGI_RECORD_HEADER];
	unsigned char end[FCGI_RECORD_END_CONTENT];
	size_t header_read, end_read;
	size_t content_left, padding_left;
	bool stdout_ended, stderr_ended, ended;
};

enum fcgi_record_event {
	FCGI_RECORD_MORE,  /* nothing is left of the bytes */
	FCGI_RECORD_OUT,   /* *piece is content of FCGI_RECORD_STDOUT */
	FCGI_RECORD_ERR,   /* and of FCGI_RECORD_STDERR */
	FCGI_RECORD_ENDED, /* the answer is complete */
	FCGI_RECORD_WRONG, /* these are no records, or not in this order */
};

/*
 * Reads what was received until something is to be told, and moves *bytes past
 * it.  A piece is a part of the bytes, and not empty.  Bytes behind the end of
 * the answer are wrong.
 */
enum fcgi_record_event fcgi_record_read(
    struct fcgi_record_reader *r, struct text *bytes, struct text *piece);

#endif
