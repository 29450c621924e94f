/*
 * error_lines: what an application writes to its standard error, in lines of the
 * error log.
 */
#ifndef TINED_HANDLERS_ERROR_LINES_H
#define TINED_HANDLERS_ERROR_LINES_H

#include "base/buffer.h"
#include "tined.h"

/* A longer line is split, so that the log has room for the request, too. */
#define ERROR_LINES_MAX 1024

/* All zeroes: nothing was written. */
struct error_lines {
	struct buffer rest; /* of a line that has no end yet; owned */
};

/*
 * Logs the lines that are complete, each behind the application's name; a NUL
 * becomes "?".
 */
void error_lines_add(struct error_lines *e, const struct tined_exchange *x,
    const char *name, struct text written);
/* Logs what is left of a line. */
void error_lines_end(
    struct error_lines *e, const struct tined_exchange *x, const char *name);
/* Forgets what is left. */
void error_lines_clear(struct error_lines *e);
void error_lines_free(struct error_lines *e);

#endif
