/*
 * whole: what http-parser makes of a head, all of whose lines it is given.
 * tined gives it only the request line and those of the framing; with the
 * others it must not come to another end.
 */
#ifndef FUZZ_WHOLE_H
#define FUZZ_WHOLE_H

#include "http/request.h"

/* Fails unless http-parser takes the head, and finds the fields of r in it. */
void whole_compare(const struct request *r, const char *head, size_t len);

#endif
