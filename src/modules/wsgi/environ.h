/*
 * environ: the dictionary that describes a request to an application (PEP 3333).
 * Strings are made once and used again while requests repeat them.
 */
#ifndef TINED_MODULES_WSGI_ENVIRON_H
#define TINED_MODULES_WSGI_ENVIRON_H

#include "modules/wsgi/python.h"

#include "tined.h"

/*
 * Returns what is the same in all requests of a mount, a dictionary to copy.
 * NULL with an exception.
 */
PyObject *environ_prototype(const char *prefix);
/*
 * Returns the environment of a request, with that wsgi.input.  NULL with an
 * exception.
 */
PyObject *environ_make(
    PyObject *prototype, struct tined_exchange *x, PyObject *input);

#endif
