/*
 * representation: an open file as the answer to a request: validators,
 * preconditions, ranges (RFC 9110, 8.8, 13, 14).
 */
#ifndef TINED_HANDLERS_REPRESENTATION_H
#define TINED_HANDLERS_REPRESENTATION_H

#include <sys/stat.h>

#include "http/content_coding.h"
#include "http/request.h"
#include "http/response.h"

struct representation {
	int fd; /* of a regular file */
	struct stat st;
	const char *type; /* of the plain form; outlives the response */
	enum content_coding coding; /* of this form */
	bool varies;		    /* there are other forms */
	int64_t max_age;	    /* nanoseconds; -1: say nothing */
};

/* Fills in the response, which takes over the descriptor. */
void representation_answer(const struct representation *f,
    const struct request *request, struct response *response);

#endif
