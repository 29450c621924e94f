/*
 * response: the application's response: start_response, write, and what the
 * application returns (PEP 3333).
 */
#ifndef TINED_MODULES_WSGI_RESPONSE_H
#define TINED_MODULES_WSGI_RESPONSE_H

#include "modules/wsgi/python.h"

#include <stdbool.h>

#include "tined.h"

/* Prepares the type.  -1 with an exception. */
int response_prepare(void);
/*
 * Returns start_response for that exchange, a borrowed reference until
 * response_end.  NULL with an exception.
 */
PyObject *response_begin(struct tined_exchange *x);
/*
 * Sends what the application has returned.  -1 with an exception; or without one
 * if the client cannot be sent to.
 */
int response_send(PyObject *returned);
/* True if the client could not be sent to. */
bool response_has_failed(void);
/* From now on start_response and write fail. */
void response_end(void);

#endif
