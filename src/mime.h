/*
 * mime: the media type of a file by the end of its name, from the system's
 * mime.types, or from a small table where there is none.
 */
#ifndef TINED_MIME_H
#define TINED_MIME_H

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

#define MIME_SYSTEM_FILE "/etc/mime.types"

/* Where its strings are, in the words of all: every worker has this memory. */
struct mime_entry {
	uint32_t extension; /* in lower case, without its dot */
	uint32_t type;
};

struct mime {
	struct mime_entry *entries; /* sorted by extension; owned */
	size_t count;
	struct buffer words; /* strings, each with its NUL */
};

/* A file that cannot be read leaves the built-in types, which is no error. */
void mime_load(struct mime *m, const char *file);
void mime_free(struct mime *m);
/*
 * A complete Content-Type, with charset=utf-8 for text.  Never NULL: what is
 * not known is application/octet-stream.
 */
const char *mime_type(const struct mime *m, const char *name);

#endif
