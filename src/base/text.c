#include <string.h>
#include <strings.h>

#include "base/text.h"

struct text
text_of(const char *s)
{
	return (struct text){s, strlen(s)};
}

bool
text_equal(struct text a, struct text b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* Not strncasecmp, which depends on the locale and stops at a NUL. */
bool
text_equal_nocase(struct text a, struct text b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		unsigned char x = (unsigned char)a.at[i];
		unsigned char y = (unsigned char)b.at[i];

		if (x == y)
			continue;
		if ((x ^ y) != 0x20 || (x | 0x20) < 'a' || (x | 0x20) > 'z')
			return false;
	}
	return true;
}

bool
text_begins(struct text t, struct text prefix)
{
	return t.len >= prefix.len &&
	    text_equal((struct text){t.at, prefix.len}, prefix);
}

/* Returns the offset of the comma after the first element, or t.len. */
static size_t
element_end(struct text t)
{
	bool quoted = false;

	for (size_t i = 0; i < t.len; i++) {
		if (quoted && t.at[i] == '\\' && i + 1 < t.len)
			i++;
		else if (t.at[i] == '"')
			quoted = !quoted;
		else if (!quoted && t.at[i] == ',')
			return i;
	}
	return t.len;
}

bool
text_next_element(struct text *rest, struct text *element)
{
	while (rest->len > 0) {
		size_t end = element_end(*rest);
		size_t past = end < rest->len ? end + 1 : end;

		*element = text_trim((struct text){rest->at, end});
		rest->at += past;
		rest->len -= past;
		if (element->len > 0)
			return true;
	}
	return false;
}

bool
text_cut_string(struct text *rest, struct text *string)
{
	size_t len = rest->len > 0 ? strnlen(rest->at, rest->len) : 0;

	if (len == rest->len)
		return false;
	*string = (struct text){rest->at, len};
	rest->at += len + 1;
	rest->len -= len + 1;
	return true;
}

bool
text_cut_bytes(struct text *rest, void *to, size_t len)
{
	if (rest->len < len)
		return false;
	memcpy(to, rest->at, len);
	rest->at += len;
	rest->len -= len;
	return true;
}

bool
text_to_number(struct text t, uint64_t max, uint64_t *number)
{
	uint64_t n = 0;

	if (t.len == 0)
		return false;
	for (size_t i = 0; i < t.len; i++) {
		unsigned digit = (unsigned)(unsigned char)t.at[i] - '0';

		if (digit > 9 || digit > max || n > (max - digit) / 10)
			return false;
		n = n * 10 + digit;
	}
	*number = n;
	return true;
}
