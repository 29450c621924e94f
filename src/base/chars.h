/*
 * chars: the classes of bytes that the grammars of RFC 9110, RFC 9112 and
 * RFC 3986 are made of, in one table, asked without a locale.
 */
#ifndef TINED_BASE_CHARS_H
#define TINED_BASE_CHARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The URL standard of browsers leaves more bytes as they are than RFC 3986 has
 * (https://url.spec.whatwg.org/#percent-encoded-bytes), some in a path, others
 * in a query only, and other clients send what they were given.
 */
enum char_class {
	CHAR_TOKEN = 1,	   /* tchar: RFC 9110, 5.6.2 */
	CHAR_VALUE = 2,	   /* field-vchar, SP, HT: RFC 9110, 5.5 */
	CHAR_PATH = 4,	   /* of CHAR_URI but "?"; and "[", "]", "|" */
	CHAR_QUERY = 8,	   /* all but controls, SP and "#" */
	CHAR_HEX = 16,	   /* HEXDIG */
	CHAR_DIGIT = 32,   /* DIGIT */
	CHAR_NAME = 64,	   /* reg-name, with "%": RFC 3986, 3.2.2 */
	CHAR_PLAIN = 128,  /* unreserved and "/": never percent-encoded */
	CHAR_URI = 256,	   /* pchar, "/", "?", with "%": RFC 3986, 3.4 */
	CHAR_ITSELF = 512, /* of CHAR_QUERY, all but "%": it encodes nothing */
};

extern const uint16_t chars_table[256];

static inline bool
chars_is(char c, enum char_class class)
{
	return (chars_table[(unsigned char)c] & class) != 0;
}

/* True when all len bytes are of the class; true for none. */
bool chars_all(const char *at, size_t len, enum char_class class);

/* The classes of which all these bytes are; all classes for none. */
unsigned chars_classes(const char *at, size_t len);

/* The value of a HEXDIG, 0 to 15; -1 for any other byte. */
int chars_hex(char c);

#endif
