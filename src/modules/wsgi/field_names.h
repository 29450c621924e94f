/*
 * field_names: the variables that stand for header fields of a request
 * (RFC 3875, 4.1.18), and the values that these have had before.
 */
#ifndef TINED_MODULES_WSGI_FIELD_NAMES_H
#define TINED_MODULES_WSGI_FIELD_NAMES_H

#include "modules/wsgi/python.h"

#include <stdbool.h>

#include "tined.h"

/*
 * Finds the key and the value of a field, new references.  *key is NULL for one
 * that applications do not get: its name has a "_", which looks like a "-" there,
 * or is Proxy, which looks like $HTTP_PROXY (httpoxy.org).  -1 with an exception.
 */
int field_names_find(struct tined_text name, struct tined_text text,
    PyObject **key, PyObject **value);
/* False for a field of which the first one counts, as the server's does. */
bool field_name_is_list(PyObject *key);
bool field_name_is_cookie(PyObject *key);

#endif
