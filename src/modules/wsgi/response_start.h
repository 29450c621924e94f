/*
 * response_start: the status and the headers that start_response gets (PEP 3333).
 */
#ifndef TINED_MODULES_WSGI_RESPONSE_START_H
#define TINED_MODULES_WSGI_RESPONSE_START_H

#include "modules/wsgi/python.h"

#include <stdint.h>

#include "tined.h"

#define RESPONSE_LENGTH_UNKNOWN UINT64_MAX

struct response_start {
	PyObject *status;  /* NULL until it was taken */
	PyObject *headers; /* a tuple of tuples */
	uint64_t length;   /* the Content-Length among them */
};

/*
 * Takes them, in place of those before, as they are now: the application may
 * change its list later.  -1 with an exception if they are not what PEP 3333 asks
 * for.
 */
int response_start_take(
    struct response_start *s, PyObject *status, PyObject *headers);
/*
 * Gives what was taken to the server, but for the fields that it sets itself.  -1
 * with an exception if it refuses a field.
 */
int response_start_give(
    const struct response_start *s, struct tined_exchange *x);
/* Forgets them. */
void response_start_clear(struct response_start *s);

#endif
