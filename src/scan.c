#include "chars.h"
#include "scan.h"

void
scan_skip(struct text *t, size_t bytes)
{
	t->at += bytes;
	t->len -= bytes;
}

static bool
scan_char(struct text *t, char c)
{
	if (t->len == 0 || t->at[0] != c)
		return false;
	scan_skip(t, 1);
	return true;
}

void
scan_space(struct text *t)
{
	while (t->len > 0 && (t->at[0] == ' ' || t->at[0] == '\t'))
		scan_skip(t, 1);
}

bool
scan_token(struct text *t)
{
	size_t n = 0;

	while (n < t->len && chars_is(t->at[n], CHAR_TOKEN))
		n++;
	scan_skip(t, n);
	return n > 0;
}

bool
scan_quoted_string(struct text *t)
{
	if (!scan_char(t, '"'))
		return false;
	while (!scan_char(t, '"')) {
		(void)scan_char(t, '\\');
		if (t->len == 0 || !chars_is(t->at[0], CHAR_VALUE))
			return false;
		scan_skip(t, 1);
	}
	return true;
}

/* White space before an "=" that is not there may belong to a ";". */
static bool
scan_equals(struct text *t)
{
	struct text rest = *t;

	scan_space(&rest);
	if (!scan_char(&rest, '='))
		return false;
	scan_space(&rest);
	*t = rest;
	return true;
}

bool
scan_parameters(struct text t, bool values_required)
{
	while (t.len > 0) {
		scan_space(&t);
		if (!scan_char(&t, ';'))
			return false;
		scan_space(&t);
		if (!scan_token(&t))
			return false;
		if (!scan_equals(&t)) {
			if (values_required)
				return false;
			continue;
		}
		if (t.len > 0 && t.at[0] == '"' ? !scan_quoted_string(&t)
						: !scan_token(&t))
			return false;
	}
	return true;
}

bool
scan_field_line(struct text t)
{
	return scan_token(&t) && scan_char(&t, ':') &&
	    chars_all_values(t.at, t.len);
}
