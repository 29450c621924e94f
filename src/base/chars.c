#include <stdint.h>

#include "base/chars.h"

#define T CHAR_TOKEN
#define V CHAR_VALUE
#define P (CHAR_URI | CHAR_PATH | Q)
#define B (CHAR_PATH | Q) /* only browsers send it unencoded */
#define Q (CHAR_QUERY | CHAR_ITSELF)
#define N CHAR_NAME
#define H CHAR_HEX
#define D (CHAR_DIGIT | CHAR_HEX)
#define U CHAR_PLAIN

/* Letters, digits and "-._~" have all these classes. */
#define UNRESERVED (T | V | P | N | U)

const uint16_t chars_table[256] = {
    ['\t'] = V,
    [' '] = V,
    ['!'] = T | V | P | N,
    ['"'] = V | Q,
    ['#'] = T | V,
    ['$'] = T | V | P | N,
    ['%'] = T | V | CHAR_URI | CHAR_PATH | CHAR_QUERY | N,
    ['&'] = T | V | P | N,
    ['\''] = T | V | P | N,
    ['('] = V | P | N,
    [')'] = V | P | N,
    ['*'] = T | V | P | N,
    ['+'] = T | V | P | N,
    [','] = V | P | N,
    ['-'] = UNRESERVED,
    ['.'] = UNRESERVED,
    ['/'] = V | P | U,
    ['0'] = UNRESERVED | D,
    ['1'] = UNRESERVED | D,
    ['2'] = UNRESERVED | D,
    ['3'] = UNRESERVED | D,
    ['4'] = UNRESERVED | D,
    ['5'] = UNRESERVED | D,
    ['6'] = UNRESERVED | D,
    ['7'] = UNRESERVED | D,
    ['8'] = UNRESERVED | D,
    ['9'] = UNRESERVED | D,
    [':'] = V | P,
    [';'] = V | P | N,
    ['<'] = V | Q,
    ['='] = V | P | N,
    ['>'] = V | Q,
    ['?'] = V | CHAR_URI | Q,
    ['@'] = V | P,
    ['A' ... 'F'] = UNRESERVED | H,
    ['G' ... 'Z'] = UNRESERVED,
    ['['] = V | B,
    ['\\'] = V | Q,
    [']'] = V | B,
    ['^'] = T | V | Q,
    ['_'] = UNRESERVED,
    ['`'] = T | V | Q,
    ['a' ... 'f'] = UNRESERVED | H,
    ['g' ... 'z'] = UNRESERVED,
    ['{'] = V | Q,
    ['|'] = T | V | B,
    ['}'] = V | Q,
    ['~'] = UNRESERVED,
    [0x80 ... 0xff] = V | Q,
};

bool
chars_all(const char *at, size_t len, enum char_class class)
{
	for (size_t i = 0; i < len; i++)
		if (!chars_is(at[i], class))
			return false;
	return true;
}

unsigned
chars_classes(const char *at, size_t len)
{
	unsigned all = ~0u;

	for (size_t i = 0; i < len; i++)
		all &= chars_table[(unsigned char)at[i]];
	return all;
}

int
chars_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}
