/*
 * span: how many of the first bytes are of one kind, looked at in blocks.  Of
 * those, only bytes that seem to be of another kind are looked at one by one;
 * of what is left behind the last whole block, all are.
 *
 * Inline, as they take up most of the time that a head takes.
 */
#ifndef TINED_BASE_SPAN_H
#define TINED_BASE_SPAN_H

#include "base/block.h"
#include "base/chars.h"

static inline size_t
span_class(const char *at, size_t len, enum char_class class,
    block_mask (*unlike)(block))
{
	size_t i = 0;

	while (len - i >= BLOCK_SIZE) {
		size_t n = block_first(unlike(block_load(at + i)));

		i += n;
		if (n == BLOCK_SIZE)
			continue;
		if (!chars_is(at[i], class))
			return i;
		i++;
	}
	while (i < len && chars_is(at[i], class))
		i++;
	return i;
}

/* Neither a letter, of which "|" makes a small one, nor "-". */
static inline block_mask
span_unlike_token(block b)
{
	return ~(block_range(b | 0x20, 'a', 'z') | block_range(b, '-', '-'));
}

/* Of CHAR_TOKEN; quick for letters and "-". */
static inline size_t
span_token(const char *at, size_t len)
{
	return span_class(at, len, CHAR_TOKEN, span_unlike_token);
}

/* A control byte. */
static inline block_mask
span_unlike_value(block b)
{
	return block_range(b, 0, 0x1f) | block_range(b, 0x7f, 0x7f);
}

/* Of CHAR_VALUE; quick for all but HT. */
static inline size_t
span_value(const char *at, size_t len)
{
	return span_class(at, len, CHAR_VALUE, span_unlike_value);
}

/* Of what is neither CR nor LF. */
static inline size_t
span_line(const char *at, size_t len)
{
	size_t i = 0;

	while (len - i >= BLOCK_SIZE) {
		block b = block_load(at + i);
		size_t n = block_first(
		    block_range(b, '\n', '\n') | block_range(b, '\r', '\r'));

		i += n;
		if (n < BLOCK_SIZE)
			return i;
	}
	while (i < len && at[i] != '\n' && at[i] != '\r')
		i++;
	return i;
}

#endif
