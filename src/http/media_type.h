/*
 * media_type: the media type of a file by the end of its name, from the
 * system's mime.types, or from a small table where there is none.
 */
#ifndef TINED_HTTP_MEDIA_TYPE_H
#define TINED_HTTP_MEDIA_TYPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

#define MEDIA_TYPE_SYSTEM_FILE "/etc/mime.types"

/* Where its strings are, in the words of all: every worker has this memory. */
struct media_type_entry {
	uint32_t extension; /* in lower case, without its dot */
	uint32_t type;
};

struct media_type {
	struct media_type_entry *entries; /* sorted by extension; owned */
	size_t count;
	struct buffer words; /* strings, each with its NUL */
};

/* A file that cannot be read leaves the built-in types, which is no error. */
void media_type_load(struct media_type *m, const char *file);
void media_type_free(struct media_type *m);
/*
 * A complete Content-Type, with charset=utf-8 for text.  Never NULL: what is
 * not known is application/octet-stream.
 */
const char *media_type_type(const struct media_type *m, const char *name);

#endif
