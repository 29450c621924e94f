/*
 * text: a view of bytes with another owner, valid as long as the owner keeps
 * them.  Not NUL-terminated; may contain any byte.
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
/* Compares ASCII letters without case (RFC 9110, 5.1). */
bool text_equal_nocase(struct text a, struct text b);
bool text_begins(struct text t, struct text prefix);

/*
 * True if it is one of these, without case.  Most lengths differ, and then nothing
 * is called.
 */
static inline bool
text_is_one_of(struct text t, const struct text *these, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (t.len == these[i].len && text_equal_nocase(t, these[i]))
			return true;
	return false;
}

/* OWS of RFC 9110, 5.6.3: SP and HT. */
static inline bool
text_is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Strips OWS at both ends. */
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
 * Gets the next element of a comma-separated list (RFC 9110, 5.6.1), trimmed,
 * and moves *rest past it.  Skips empty elements, and does not split quoted
 * strings.  False at the end of the list.
 */
bool text_next_element(struct text *rest, struct text *element);
/*
 * Gets what stands before the first NUL, and moves *rest past that.  False if there
 * is no NUL.
 */
bool text_cut_string(struct text *rest, struct text *string);
/* Gets the first len bytes, and moves *rest past them.  False if it is shorter. */
bool text_cut_bytes(struct text *rest, void *to, size_t len);
/*
 * Parses unsigned decimal digits.  False if the text is empty, contains any
 * other byte, or exceeds max.
 */
bool text_to_number(struct text t, uint64_t max, uint64_t *number);

#endif
