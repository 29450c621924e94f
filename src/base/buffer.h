/*
 * buffer: a growing array of bytes.  All zeroes is an empty buffer.  The data
 * moves when the buffer grows: keep offsets, not pointers.
 */
#ifndef TINED_BASE_BUFFER_H
#define TINED_BASE_BUFFER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"

struct buffer {
	char *data;  /* owned; NULL until something is added */
	size_t len;  /* bytes in use */
	size_t size; /* bytes allocated */
};

void buffer_free(struct buffer *b);
/* Empties the buffer and keeps its memory. */
void buffer_clear(struct buffer *b);
/* Empties the buffer and keeps its memory, unless that exceeds keep bytes. */
void buffer_shrink(struct buffer *b, size_t keep);
/* Makes more of it than there is, for buffer_reserve. */
char *buffer_grow(struct buffer *b, size_t room);

/* Makes room for that many more bytes, and returns where they go. */
static inline char *
buffer_reserve(struct buffer *b, size_t room)
{
	return b->size - b->len < room ? buffer_grow(b, room)
				       : b->data + b->len;
}

/* Inline, so that a text that is known is a few moves. */
static inline void
buffer_add(struct buffer *b, const void *bytes, size_t len)
{
	if (len == 0)
		return;
	memcpy(buffer_reserve(b, len), bytes, len);
	b->len += len;
}

static inline void
buffer_add_text(struct buffer *b, struct text t)
{
	buffer_add(b, t.at, t.len);
}

static inline void
buffer_add_char(struct buffer *b, char c)
{
	*buffer_reserve(b, 1) = c;
	b->len++;
}

void buffer_add_string(struct buffer *b, const char *s);
void buffer_add_number(struct buffer *b, uint64_t n);
/* Hexadecimal, in small letters, without leading zeroes. */
void buffer_add_hex(struct buffer *b, uint64_t n);
void buffer_printf(struct buffer *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct text buffer_text(const struct buffer *b);
/* Returns the data with a final NUL, which len does not include. */
const char *buffer_string(struct buffer *b);

#endif
