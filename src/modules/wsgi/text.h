/*
 * text: bytes of a request as Python's strings: each byte is a character
 * (PEP 3333, "Unicode Issues": latin-1).
 */
#ifndef TINED_MODULES_WSGI_TEXT_H
#define TINED_MODULES_WSGI_TEXT_H

#include "modules/wsgi/python.h"

#include <stdbool.h>
#include <string.h>

#include "tined.h"

/* A longer string is not kept for the next request. */
#define TEXT_KEPT_MAX 512

/* A variable of the environment, and the value that it had the last time. */
struct text_variable {
	const char *name;
	PyObject *key;
	PyObject *value;
};

static inline struct tined_text
text_of(const char *string)
{
	return (struct tined_text){string, strlen(string)};
}

/* Makes the key.  -1 with an exception. */
int text_variable_prepare(struct text_variable *v);
/*
 * Returns the text as a string, a new reference: the one in *kept if it is the
 * same.  NULL with an exception.
 */
PyObject *text_string(PyObject **kept, struct tined_text text);
/* Puts the variable with that value into a dictionary.  -1 with an exception. */
int text_put(
    PyObject *dictionary, struct text_variable *v, struct tined_text text);

#endif
