#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "escape.h"

#define ELLIPSIS "..."
/* The longest escape, \xhh. */
#define ESCAPE_MAX 4

static bool
is_plain(unsigned char c, bool quoted)
{
	return c >= ' ' && c <= '~' && c != '\\' && !(quoted && c == '"');
}

static size_t
escape_byte(unsigned char c, char out[ESCAPE_MAX])
{
	static const char hex[] = "0123456789abcdef";
	static const char named[] = "\"\\\n\t\r";
	static const char names[] = "\"\\ntr";
	const char *name = c != '\0' ? strchr(named, c) : NULL;

	out[0] = '\\';
	if (name != NULL) {
		out[1] = names[name - named];
		return 2;
	}
	out[1] = 'x';
	out[2] = hex[c >> 4];
	out[3] = hex[c & 15];
	return ESCAPE_MAX;
}

/* Byte by byte: a cut must never leave half an escape behind. */
static void
escape_for_log(struct buffer *b, struct text t, size_t max, bool quoted)
{
	size_t start = b->len;
	size_t cut = start; /* the last place where the ellipsis fits */

	for (size_t i = 0; i < t.len; i++) {
		unsigned char c = (unsigned char)t.at[i];
		char out[ESCAPE_MAX] = {t.at[i]};
		size_t n = is_plain(c, quoted) ? 1 : escape_byte(c, out);

		if (b->len - start + strlen(ELLIPSIS) <= max)
			cut = b->len;
		if (b->len - start + n > max) {
			b->len = cut;
			if (max >= strlen(ELLIPSIS))
				buffer_add_string(b, ELLIPSIS);
			return;
		}
		buffer_add(b, out, n);
	}
}

void
escape_log(struct buffer *b, struct text t, size_t max)
{
	escape_for_log(b, t, max, false);
}

void
escape_log_quoted(struct buffer *b, struct text t, size_t max)
{
	escape_for_log(b, t, max, true);
}

void
escape_html(struct buffer *b, struct text t)
{
	for (size_t i = 0; i < t.len; i++) {
		switch (t.at[i]) {
		case '&':
			buffer_add_string(b, "&amp;");
			break;
		case '<':
			buffer_add_string(b, "&lt;");
			break;
		case '>':
			buffer_add_string(b, "&gt;");
			break;
		case '"':
			buffer_add_string(b, "&quot;");
			break;
		case '\'':
			buffer_add_string(b, "&#39;");
			break;
		default:
			buffer_add_char(b, t.at[i]);
		}
	}
}
