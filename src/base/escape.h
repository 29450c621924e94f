/*
 * escape: makes bytes from a client harmless where they are displayed.
 */
#ifndef TINED_BASE_ESCAPE_H
#define TINED_BASE_ESCAPE_H

#include <stddef.h>

#include "base/buffer.h"

/*
 * For a log line: control bytes, '\' and bytes beyond 126 become \xhh (or \n,
 * \r, \t, \\), so that a client can neither begin a new line nor control a
 * terminal.  Adds at most max bytes; a text that is cut ends in "...".
 */
void escape_log(struct buffer *b, struct text t, size_t max);
/* The same between quotes: '"' becomes \" as well. */
void escape_log_quoted(struct buffer *b, struct text t, size_t max);
/*
 * For a JSON string, between its quotes.  The result is ASCII and valid JSON,
 * whatever the bytes are: a UTF-8 character becomes \uhhhh, and a byte that is
 * not UTF-8 becomes the ISO-8859-1 character with that number.
 */
void escape_json(struct buffer *b, struct text t, size_t max);
/*
 * For text or a quoted attribute in HTML.  Control bytes, which HTML forbids,
 * become their control pictures (U+2400 and on).
 */
void escape_html(struct buffer *b, struct text t);

#endif
