/*
 * file_wrapper: wsgi.file_wrapper (PEP 3333, "Optional Platform-Specific File
 * Handling"): of a file on a disk, the server sends a region by itself; of
 * anything else, it is an iterator over blocks.
 */
#ifndef TINED_MODULES_WSGI_FILE_WRAPPER_H
#define TINED_MODULES_WSGI_FILE_WRAPPER_H

#include "modules/wsgi/python.h"

#include <stdbool.h>
#include <stdint.h>

/* Prepares the type.  -1 with an exception. */
int file_wrapper_prepare(void);
/* Returns the type, a new reference. */
PyObject *file_wrapper_type(void);
/*
 * True if that is a file wrapper of a file on a disk: then *fd is a new
 * descriptor of it, and the region is what is left of the file.
 */
bool file_wrapper_get(
    PyObject *object, int *fd, uint64_t *offset, uint64_t *length);

#endif
