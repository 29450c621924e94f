/*
 * escape: bytes that came from a client, made harmless where they are shown.
 */
#ifndef TINED_BASE_ESCAPE_H
#define TINED_BASE_ESCAPE_H

#include <stddef.h>

#include "base/buffer.h"

/*
 * For a line of a log: control bytes, '\' and bytes past 126 as \xhh (or \n,
 * \r, \t, \\), so that a line stays one line and a terminal obeys nobody.
 * At most max bytes are added; a longer text ends in "...".
 */
void escape_log(struct buffer *b, struct text t, size_t max);
/* The same for what stands between quotes: '"' becomes \" too. */
void escape_log_quoted(struct buffer *b, struct text t, size_t max);
/*
 * For a string of JSON, between its quotes: printable ASCII too, so that it is
 * JSON whatever the bytes were.  What is beyond ASCII and UTF-8 becomes its
 * character, as \uhhhh; any other byte becomes the character of that number, as
 * in ISO-8859-1.
 */
void escape_json(struct buffer *b, struct text t, size_t max);
/*
 * For the text or a quoted attribute of an HTML page, which may not have
 * control bytes: their pictures stand for them (U+2400 and on).
 */
void escape_html(struct buffer *b, struct text t);

#endif
