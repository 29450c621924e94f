/*
 * media_type: the media type of a file, by the suffix of its name, from the
 * system's mime.types and a small built-in table.
 */
#ifndef TINED_HTTP_MEDIA_TYPE_H
#define TINED_HTTP_MEDIA_TYPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/text.h"

#define MEDIA_TYPE_SYSTEM_FILE "/etc/mime.types"

/* Offsets in words, and not pointers, because every worker has this table. */
struct media_type_entry {
	uint32_t extension; /* lower case, without its dot */
	uint32_t type;
};

struct media_type {
	struct media_type_entry *entries; /* sorted by extension; owned */
	size_t count;
	struct buffer words; /* the strings, NUL-terminated */
};

/* Takes the lines of mime.types, which win over the built-in types. */
void media_type_load(struct media_type *m, struct text lines);
void media_type_free(struct media_type *m);
/*
 * Returns a complete Content-Type, with charset=utf-8 for text.  The default is
 * application/octet-stream, never NULL.
 */
const char *media_type_type(const struct media_type *m, const char *name);

#endif
