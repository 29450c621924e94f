/*
 * python: CPython's C API, as the files of this module include it: before all
 * headers of the C library, which it configures.
 */
#ifndef TINED_MODULES_WSGI_PYTHON_H
#define TINED_MODULES_WSGI_PYTHON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Functions with other arguments than PyCFunction has; METH_* tell which. */
#define PYTHON_FUNCTION(function) ((PyCFunction)(void (*)(void))(function))

#endif
