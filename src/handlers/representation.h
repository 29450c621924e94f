/*
 * representation: responds with an open file: validators, preconditions and
 * ranges (RFC 9110, 8.8, 13, 14).
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

/* Fills in the response, which then owns the descriptor. */
void representation_answer(const struct representation *f, struct exchange *x);

#endif
