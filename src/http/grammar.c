#include "base/chars.h"
#include "base/span.h"
#include "http/grammar.h"

static bool
grammar_char(struct text *t, char c)
{
	if (t->len == 0 || t->at[0] != c)
		return false;
	grammar_skip(t, 1);
	return true;
}

void
grammar_space(struct text *t)
{
	while (t->len > 0 && (t->at[0] == ' ' || t->at[0] == '\t'))
		grammar_skip(t, 1);
}

bool
grammar_token(struct text *t)
{
	size_t n = span_token(t->at, t->len);

	grammar_skip(t, n);
	return n > 0;
}

bool
grammar_quoted_string(struct text *t)
{
	if (!grammar_char(t, '"'))
		return false;
	while (!grammar_char(t, '"')) {
		(void)grammar_char(t, '\\');
		if (t->len == 0 || !chars_is(t->at[0], CHAR_VALUE))
			return false;
		grammar_skip(t, 1);
	}
	return true;
}

/* Without an "=", whitespace here may belong to the next ";". */
static bool
grammar_equals(struct text *t)
{
	struct text rest = *t;

	grammar_space(&rest);
	if (!grammar_char(&rest, '='))
		return false;
	grammar_space(&rest);
	*t = rest;
	return true;
}

bool
grammar_parameters(struct text t, bool values_required)
{
	while (t.len > 0) {
		grammar_space(&t);
		if (!grammar_char(&t, ';'))
			return false;
		grammar_space(&t);
		if (!grammar_token(&t))
			return false;
		if (!grammar_equals(&t)) {
			if (values_required)
				return false;
			continue;
		}
		if (t.len > 0 && t.at[0] == '"' ? !grammar_quoted_string(&t)
						: !grammar_token(&t))
			return false;
	}
	return true;
}
