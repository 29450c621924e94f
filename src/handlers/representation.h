/*
 * representation: responds with a file: validators, preconditions and ranges
 * (RFC 9110, 8.8, 13, 14).
 */
#ifndef TINED_HANDLERS_REPRESENTATION_H
#define TINED_HANDLERS_REPRESENTATION_H

#include <sys/stat.h>

#include "http/content_coding.h"
#include "tined.h"

struct representation {
	int fd; /* of a regular file */
	struct stat st;
	const char *type; /* media type; outlives the response */
	enum content_coding coding;
	bool varies;	 /* there may be other codings: send Vary */
	int64_t max_age; /* nanoseconds; -1: no Cache-Control */
};

/*
 * The header fields of the responses with a file, and with them a copy of it if it
 * is small, or its descriptor.
 */
struct representation_copy;

/* Fills in the response, which then owns the descriptor. */
void representation_answer(
    const struct representation *f, struct tined_exchange *x);

/* True if the file is so large that a copy has its descriptor. */
bool representation_is_large(const struct representation *f);
/*
 * Returns the size of a copy in bytes, or 0 if the file is to have none: if it
 * is empty, or so new that its ETag will change soon.
 */
size_t representation_copy_size(const struct representation *f);
/*
 * Makes a copy, in memory of that size that is aligned as by malloc(3).  It owns
 * no descriptor.  -1 if the file cannot be read, or has changed.
 */
int representation_copy(
    const struct representation *f, struct representation_copy *copy);
/* False if the copy has a descriptor, and its file has changed. */
bool representation_copy_is_valid(const struct representation_copy *copy);
/*
 * The same as representation_answer.  The copy, and its descriptor, outlive the
 * response.
 */
void representation_answer_copy(
    const struct representation_copy *copy, struct tined_exchange *x);

#endif
