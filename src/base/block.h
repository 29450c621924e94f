/*
 * block: sixteen bytes that are looked at together, in the vectors that gcc and
 * clang have for every machine.
 */
#ifndef TINED_BASE_BLOCK_H
#define TINED_BASE_BLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define BLOCK_SIZE 16

typedef uint8_t block __attribute__((vector_size(BLOCK_SIZE)));
/* What a comparison gives: all bits of a byte are set, or none. */
typedef int8_t block_mask __attribute__((vector_size(BLOCK_SIZE)));

/* gcc warns of functions that take vectors on i386; these are all inline. */
#pragma GCC diagnostic ignored "-Wpsabi"

static inline block
block_load(const char *at)
{
	block b;

	memcpy(&b, at, sizeof(b));
	return b;
}

/* Which bytes are from first to last. */
static inline block_mask
block_range(block b, uint8_t first, uint8_t last)
{
	return b - first <= (uint8_t)(last - first);
}

static inline size_t
block_first_of_word(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (size_t)__builtin_ctzll(word) / 8;
#else
	return (size_t)__builtin_clzll(word) / 8;
#endif
}

static inline size_t
block_first_portable(block_mask mask)
{
	uint64_t words[2];

	memcpy(words, &mask, sizeof(words));
	if (words[0] != 0)
		return block_first_of_word(words[0]);
	if (words[1] != 0)
		return sizeof(words[0]) + block_first_of_word(words[1]);
	return BLOCK_SIZE;
}

/* The index of the first byte that is set; BLOCK_SIZE if none is. */
static inline size_t
block_first(block_mask mask)
{
#ifdef __SSE2__ /* it has an instruction for this */
	unsigned bits = (unsigned)_mm_movemask_epi8((__m128i)mask);

	return bits != 0 ? (size_t)__builtin_ctz(bits) : BLOCK_SIZE;
#else
	return block_first_portable(mask);
#endif
}

#endif
