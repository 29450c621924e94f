#include <assert.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

#define BUFFER_FIRST 256

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

void
buffer_add_number(struct buffer *b, uint64_t n)
{
	size_t count = 1;
	char *at;

	for (uint64_t rest = n; rest >= 10; rest /= 10)
		count++;
	at = buffer_reserve(b, count) + count;
	b->len += count;
	for (; count > 0; count--, n /= 10)
		*--at = (char)('0' + n % 10);
}

void
buffer_add_hex(struct buffer *b, uint64_t n)
{
	char digits[2 * sizeof(n)];
	size_t at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[n % 16];
		n /= 16;
	} while (n > 0);
	buffer_add(b, digits + at, sizeof(digits) - at);
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
