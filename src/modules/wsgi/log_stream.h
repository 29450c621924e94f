/*
 * log_stream: what an application writes to sys.stdout, sys.stderr and
 * wsgi.errors goes into the server's error log, line by line, with "?" for a NUL;
 * and so do the tracebacks of its exceptions.
 */
#ifndef TINED_MODULES_WSGI_LOG_STREAM_H
#define TINED_MODULES_WSGI_LOG_STREAM_H

#include "modules/wsgi/python.h"

#include "tined.h"

/* Replaces sys.stdout and sys.stderr; if that fails, logs why. */
void log_stream_install(void);
/* Returns wsgi.errors, a new reference: the sys.stderr of above. */
PyObject *log_stream_errors(void);

/* Lines are logged with this exchange from now on; NULL: with none. */
void log_stream_begin(const struct tined_exchange *x);
/* Logs lines that have not ended; also when Python has ended. */
void log_stream_end(void);

/*
 * Logs and clears the present exception, with its traceback: "PLACE has failed",
 * for example.
 */
void log_stream_exception(const struct tined_exchange *x, const char *words);

#endif
