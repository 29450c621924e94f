#include <assert.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

#define BUFFER_FIRST 256
#define DIGITS_MAX 20 /* of UINT64_MAX in base 10 */

void
buffer_free(struct buffer *b)
{
	free(b->data);
	*b = (struct buffer){0};
}

void
buffer_clear(struct buffer *b)
{
	b->len = 0;
}

void
buffer_shrink(struct buffer *b, size_t keep)
{
	buffer_clear(b);
	if (b->size <= keep)
		return;
	buffer_free(b);
	(void)malloc_trim(0); /* or the C library would keep it */
}

char *
buffer_grow(struct buffer *b, size_t room)
{
	size_t size = b->size > 0 ? b->size * 2 : BUFFER_FIRST;

	if (size - b->len < room)
		size = b->len + room;
	b->data = memory_resize(b->data, size, 1);
	b->size = size;
	return b->data + b->len;
}

void
buffer_add_string(struct buffer *b, const char *s)
{
	buffer_add(b, s, strlen(s));
}

/* In bases from 10 to 16. */
static inline void
add_digits(struct buffer *b, uint64_t n, unsigned base)
{
	char digits[DIGITS_MAX];
	size_t at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n > 0);
	buffer_add(b, digits + at, sizeof(digits) - at);
}

void
buffer_add_number(struct buffer *b, uint64_t n)
{
	add_digits(b, n, 10);
}

void
buffer_add_hex(struct buffer *b, uint64_t n)
{
	add_digits(b, n, 16);
}

void
buffer_printf(struct buffer *b, const char *format, ...)
{
	va_list args;
	char *end = buffer_reserve(b, 1);
	size_t room = b->size - b->len;
	int len;

	va_start(args, format);
	len = vsnprintf(end, room, format, args);
	va_end(args);
	assert(len >= 0 && "buffer_printf: format that cannot be printed");
	if ((size_t)len >= room) {
		end = buffer_reserve(b, (size_t)len + 1);
		va_start(args, format);
		vsnprintf(end, (size_t)len + 1, format, args);
		va_end(args);
	}
	b->len += (size_t)len;
}

struct text
buffer_text(const struct buffer *b)
{
	return (struct text){b->data, b->len};
}

const char *
buffer_string(struct buffer *b)
{
	*buffer_reserve(b, 1) = '\0';
	return b->data;
}
