/*
 * input: wsgi.input, the content of a request as a file (PEP 3333, "Input and
 * Error Streams").  It reads from the client when it is read, and ends where the
 * content does.
 */
#ifndef TINED_MODULES_WSGI_INPUT_H
#define TINED_MODULES_WSGI_INPUT_H

#include "modules/wsgi/python.h"

#include <stdbool.h>

#include "tined.h"

/* Prepares the type.  -1 with an exception. */
int input_prepare(void);
/*
 * Returns wsgi.input of that exchange, a borrowed reference until input_end.
 * NULL with an exception.
 */
PyObject *input_begin(struct tined_exchange *x);
/* True if the client has failed to send what was read. */
bool input_has_failed(void);
/* From now on it cannot be read. */
void input_end(void);

#endif
