/*
 * text: a view of bytes that somebody else owns.  Not NUL-terminated, may
 * hold any byte.  Valid as long as the owner keeps the bytes.
 */
#ifndef TINED_BASE_TEXT_H
#define TINED_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	const char *at;
	size_t len;
};

#define TEXT(literal) ((struct text){(literal), sizeof(literal) - 1})

/* For printf: printf("%.*s", TEXT_ARG(t)). */
#define TEXT_ARG(t) (int)(t).len, (t).at

struct text text_of(const char *s);
bool text_equal(struct text a, struct text b);
/* ASCII letters compare without case (RFC 9110, 5.1). */
bool text_equal_nocase(struct text a, struct text b);
bool text_begins(struct text t, struct text prefix);
/* OWS of RFC 9110, 5.6.3: SP and HT. */
static inline bool
text_is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Without OWS at both ends. */
static inline struct text
text_trim(struct text t)
{
	while (t.len > 0 && text_is_space(t.at[0])) {
		t.at++;
		t.len--;
	}
	while (t.len > 0 && text_is_space(t.at[t.len - 1]))
		t.len--;
	return t;
}

/*
 * The next element of a comma-separated list (RFC 9110, 5.6.1), trimmed;
 * *rest moves past it.  Empty elements are skipped.  Quoted strings are kept
 * whole.  False at the end of the list.
 */
bool text_next_element(struct text *rest, struct text *element);
/*
 * Unsigned decimal digits and nothing else.  False when there are none, when
 * another byte is among them or when the number is over max.
 */
bool text_to_number(struct text t, uint64_t max, uint64_t *number);

#endif
