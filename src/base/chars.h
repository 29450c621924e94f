/*
 * chars: the character classes of RFC 9110, RFC 9112 and RFC 3986, in one table
 * that does not depend on the locale.
 */
#ifndef TINED_BASE_CHARS_H
#define TINED_BASE_CHARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * CHAR_PATH and CHAR_QUERY go beyond RFC 3986: browsers follow the URL standard
 * (https://url.spec.whatwg.org/#percent-encoded-bytes), which leaves more bytes
 * unencoded, and other clients encode nothing.
 */
enum char_class {
	CHAR_TOKEN = 1,	   /* tchar: RFC 9110, 5.6.2 */
	CHAR_VALUE = 2,	   /* field-vchar, SP, HT: RFC 9110, 5.5 */
	CHAR_PATH = 4,	   /* CHAR_URI without "?", with "[", "]", "|" */
	CHAR_QUERY = 8,	   /* all bytes except controls, SP and "#" */
	CHAR_HEX = 16,	   /* HEXDIG */
	CHAR_DIGIT = 32,   /* DIGIT */
	CHAR_NAME = 64,	   /* reg-name, with "%": RFC 3986, 3.2.2 */
	CHAR_PLAIN = 128,  /* unreserved and "/": never percent-encoded */
	CHAR_URI = 256,	   /* pchar, "/", "?", with "%": RFC 3986, 3.4 */
	CHAR_ITSELF = 512, /* CHAR_QUERY without "%": it encodes nothing */
};

extern const uint16_t chars_table[256];

static inline bool
chars_is(char c, enum char_class class)
{
	return (chars_table[(unsigned char)c] & class) != 0;
}

/* True if all len bytes have the class; true if len is 0. */
bool chars_all(const char *at, size_t len, enum char_class class);

/* Returns the classes that all len bytes have; all classes if len is 0. */
unsigned chars_classes(const char *at, size_t len);

/* Returns the value of a HEXDIG, 0 to 15, or -1 for any other byte. */
int chars_hex(char c);

/* Returns the byte that two HEXDIG stand for. */
static inline char
chars_byte(const char digits[2])
{
	return (char)(chars_hex(digits[0]) << 4 | chars_hex(digits[1]));
}

#endif
