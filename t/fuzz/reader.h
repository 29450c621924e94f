/*
 * reader: a second opinion on request heads and chunked bodies, for fuzzing.
 *
 * Written from RFC 9110, 9112 and 3986 alone, slow and plain, and sharing
 * nothing with src/.  Where a message breaks several rules, any of their
 * statuses will do: all are collected.
 */
#ifndef FUZZ_READER_H
#define FUZZ_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define READER_FIELDS_MAX 100
#define READER_LINE_MAX 8192
#define READER_EMPTY_LINES_MAX 8

#define READER_CHUNK_LINE_MAX 256
#define READER_EXTENSIONS_MAX (16 << 10)
#define READER_TRAILER_LINE_MAX 8192
#define READER_TRAILERS_MAX (16 << 10)

struct span {
	const char *at;
	size_t len;
};

enum reader_verdict {
	READER_MORE, /* more bytes are needed */
	READER_TAKEN,
	READER_REFUSED, /* reader_may() tells what with */
};

struct reader_field {
	struct span name;
	struct span value;
};

struct reader {
	enum reader_verdict verdict;
	bool broken;	   /* some rule is */
	unsigned statuses; /* to refuse it with: a set */
	size_t start;	   /* of the request line */
	size_t end;	   /* of the head */

	struct span line;
	struct span method;
	struct span target;
	int minor;
	struct span authority; /* of an absolute-form */
	struct span path;
	struct span query;
	bool has_query;
	bool asterisk;
	bool raw; /* the path must be encoded first */

	struct reader_field fields[READER_FIELDS_MAX];
	size_t field_count;
	size_t field_lines; /* good or bad */

	struct span host;
	bool chunked;
	uint64_t length;
	bool expects_continue;
	bool keep_alive;
	bool odd_connection; /* no list of tokens: keep_alive is open */
};

/* Whether a refusal with this status is right. */
bool reader_may(const struct reader *r, int status);

/* Reads the head at bytes[0..len), of at most max bytes. */
void reader_read(struct reader *r, const char *bytes, size_t len, size_t max);

/* Takes only a target apart; false if it breaks a rule for that method. */
bool reader_target(struct reader *r, struct span target, const char *method);
/* host[":" port], the host not empty unless that is allowed. */
bool reader_authority(struct span s, bool empty);

struct reader_body {
	enum reader_verdict verdict;
	int status;	/* of READER_REFUSED */
	size_t content; /* bytes of it in the caller's buffer */
	size_t end;	/* behind the body */
	bool pending;	/* refused early: a line might wait for its LF */
};

/*
 * Decodes a chunked body to content[0..len), of which at most max bytes may
 * be used by it.
 */
void reader_chunked(struct reader_body *b, const char *bytes, size_t len,
    uint64_t max, char *content);

#endif
