/*
 * grammar: the common rules of RFC 9110, 5.6.  Each function matches its rule
 * at the beginning of *t and moves *t past it.  If it does not match, the
 * function returns false and *t is unspecified.
 */
#ifndef TINED_HTTP_GRAMMAR_H
#define TINED_HTTP_GRAMMAR_H

#include "base/span.h"
#include "base/text.h"

static inline void
grammar_skip(struct text *t, size_t bytes)
{
	t->at += bytes;
	t->len -= bytes;
}

/* OWS, BWS: any number of SP and HT. */
void grammar_space(struct text *t);
bool grammar_token(struct text *t);
bool grammar_quoted_string(struct text *t);
/*
 * *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] ), to the end:
 * chunk-ext of RFC 9112, 7.1.1, and, where values are required, the parameters
 * of a transfer-coding (RFC 9112, 7).
 */
bool grammar_parameters(struct text t, bool values_required);
/*
 * field-line of RFC 9112, 5, up to the first byte that cannot be in a value: no
 * space before the colon, and the value without white space at both ends.  Its
 * length, or 0 where there is none.
 */
static inline size_t
grammar_field(struct text t, struct text *name, struct text *value)
{
	size_t colon = span_token(t.at, t.len);
	size_t from = colon + 1;
	size_t len, end;

	if (colon == 0 || colon == t.len || t.at[colon] != ':')
		return 0;
	while (from < t.len && text_is_space(t.at[from]))
		from++;
	len = span_value(t.at + from, t.len - from);
	end = from + len;
	while (len > 0 && text_is_space(t.at[from + len - 1]))
		len--;
	*name = (struct text){t.at, colon};
	*value = (struct text){t.at + from, len};
	return end;
}

#endif
