/*
 * span: the few things that the readers do with bytes, each in the plainest
 * way.
 */
#ifndef FUZZ_SPAN_H
#define FUZZ_SPAN_H

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "reader.h"

#define ALPHA "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"
#define HEXDIG DIGIT "abcdefABCDEF"
#define UNRESERVED ALPHA DIGIT "-._~"
#define SUB_DELIMS "!$&'()*+,;="
#define TCHAR ALPHA DIGIT "!#$%&'*+-.^_`|~"
#define SPACE " \t"

static inline bool
in(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static inline bool
all(struct span s, const char *set)
{
	for (size_t i = 0; i < s.len; i++)
		if (!in(s.at[i], set))
			return false;
	return true;
}

static inline struct span
part(struct span s, size_t from, size_t to)
{
	return (struct span){s.at + from, to - from};
}

static inline bool
same(struct span s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(s.at, word, s.len) == 0;
}

static inline bool
same_case(struct span s, const char *word)
{
	return s.len == strlen(word) && memcmp(s.at, word, s.len) == 0;
}

static inline bool
begins(struct span s, const char *word)
{
	return s.len >= strlen(word) &&
	    strncasecmp(s.at, word, strlen(word)) == 0;
}

/* The offset of the first byte from i on that is in the set, or the length. */
static inline size_t
find(struct span s, size_t i, const char *set)
{
	while (i < s.len && !in(s.at[i], set))
		i++;
	return i;
}

/* The offset of the first byte from i on that is not in the set. */
static inline size_t
skip(struct span s, size_t i, const char *set)
{
	while (i < s.len && in(s.at[i], set))
		i++;
	return i;
}

static inline struct span
trim(struct span s)
{
	size_t from = skip(s, 0, SPACE), to = s.len;

	while (to > from && in(s.at[to - 1], SPACE))
		to--;
	return part(s, from, to);
}

static inline bool
is_token(struct span s)
{
	return s.len > 0 && all(s, TCHAR);
}

/* RFC 9110, 5.5: VCHAR, obs-text, SP and HTAB. */
static inline bool
is_field_content(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

/*
 * RFC 9110, 5.6.4: where the quoted-string that begins at i ends, or i if
 * none does.
 */
static inline size_t
quoted_string(struct span s, size_t i)
{
	size_t j = i;

	if (j == s.len || s.at[j] != '"')
		return i;
	for (j++; j < s.len && s.at[j] != '"'; j++) {
		if (s.at[j] == '\\' && ++j == s.len)
			return i;
		if (!is_field_content(part(s, j, j + 1)))
			return i;
	}
	return j < s.len ? j + 1 : i;
}

/* Where the token or quoted-string at i ends, or i. */
static inline size_t
word(struct span s, size_t i)
{
	size_t j = skip(s, i, TCHAR);

	return j > i ? j : quoted_string(s, i);
}

#endif
