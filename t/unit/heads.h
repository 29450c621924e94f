/*
 * heads: asks what becomes of the head of a request, cut in every way that
 * TCP may cut it, at the end of a guard page (guard.h).  The answer must be
 * the same each time.
 */
#ifndef TINED_HEADS_H
#define TINED_HEADS_H

#include "http/request_head.h"
#include "unit.h"

#define HEADS_MAX (32 << 10)
/* Of a head that is not complete. */
#define HEADS_MORE (-1)

struct heads_answer {
	int status; /* 0: served */
	size_t start;
	size_t end;
};

/* What was parsed last. */
extern struct request heads_request;

struct heads_answer heads_ask(const char *bytes, size_t len, size_t max);
/* Fails the test unless that is the status, and all of a served head used. */
void heads_assert(int status, const char *bytes, size_t len, size_t max);
/* A lawful request with these lines of fields: heads_request. */
const struct request *heads_request_with(const char *method, const char *lines);
/* A field of heads_request by its place: "name: value". */
const char *heads_field(size_t i);

#define assert_refused(status, literal)                                        \
	heads_assert(status, literal, sizeof(literal) - 1, HEADS_MAX)
#define assert_served(literal) assert_refused(0, literal)
/* The lines between the request line and the empty line. */
#define assert_fields_refused(status, lines)                                   \
	assert_refused(status, "GET / HTTP/1.1\r\nHost: a\r\n" lines "\r\n")
#define assert_fields_served(lines) assert_fields_refused(0, lines)

#endif
