#include <stdbool.h>
#include <string.h>

#include "base/block.h"
#include "base/escape.h"

#define ELLIPSIS "..."
#define BYTE_ESCAPE strlen("\\xhh")
#define JSON_ESCAPE strlen("\\uhhhh")

enum style {
	STYLE_PLAIN,
	STYLE_QUOTED,
	STYLE_JSON,
};

static const char hex[] = "0123456789abcdef";

static bool
escape_is_plain(unsigned char c, bool quoted)
{
	return c >= ' ' && c <= '~' && c != '\\' && !(quoted && c == '"');
}

/*
 * Which bytes of a block need an escape: not escape_is_plain.  Bytes beyond 127
 * are less than a space as signed numbers.
 */
static inline size_t
escape_first(const char *at, uint8_t quote)
{
	const block b = block_load(at);

	return block_first(
	    ((block_mask)b < ' ') | (b == '\x7f') | (b == '\\') | (b == quote));
}

/*
 * Returns the number of bytes at the beginning that need no escape.  The last
 * block ends where the text does, and has bytes of the one before it.
 */
static inline size_t
plain_run(struct text t, bool quoted)
{
	const uint8_t quote = quoted ? '"' : '\\';
	size_t n = 0, first;

	for (; n + BLOCK_SIZE <= t.len; n += BLOCK_SIZE)
		if ((first = escape_first(t.at + n, quote)) < BLOCK_SIZE)
			return n + first;
	if (n > 0 && n < t.len) {
		n = t.len - BLOCK_SIZE;
		return n + escape_first(t.at + n, quote);
	}
	while (n < t.len && escape_is_plain((unsigned char)t.at[n], quoted))
		n++;
	return n;
}

/* Escapes one byte; returns the number of bytes of t that it used. */
static size_t
add_log_escape(struct buffer *b, struct text t)
{
	static const char named[] = "\"\\\n\t\r";
	static const char names[] = "\"\\ntr";
	unsigned char c = (unsigned char)t.at[0];
	const char *name = c != '\0' ? strchr(named, c) : NULL;
	char out[] = {'\\', 'x', hex[c >> 4], hex[c & 15]};

	if (name != NULL)
		out[1] = names[name - named];
	buffer_add(b, out, name != NULL ? 2 : sizeof(out));
	return 1;
}

/* Returns the length of the first UTF-8 character (RFC 3629); 0 if invalid. */
static size_t
decode_utf8(struct text t, uint32_t *character)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char c = (unsigned char)t.at[0];
	size_t n = c < 0xc0 || c >= 0xf8 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	uint32_t value = c & (0xffu >> (n + 1));

	if (n == 0 || n > t.len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		c = (unsigned char)t.at[i];
		if ((c & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (c & 0x3f);
	}
	if (value < least[n] || value > 0x10ffff ||
	    (value >= 0xd800 && value <= 0xdfff))
		return 0;
	*character = value;
	return n;
}

static void
add_json_unit(struct buffer *b, uint32_t unit)
{
	const char out[] = {'\\', 'u', hex[unit >> 12 & 15],
	    hex[unit >> 8 & 15], hex[unit >> 4 & 15], hex[unit & 15]};

	buffer_add(b, out, sizeof(out));
}

/* RFC 8259, 7: a character above U+FFFF becomes a surrogate pair. */
static size_t
add_json_escape(struct buffer *b, struct text t)
{
	static const char named[] = "\"\\\n\t\r";
	uint32_t character = (unsigned char)t.at[0];
	size_t n;

	if (character != 0 && strchr(named, t.at[0]) != NULL)
		return add_log_escape(b, t);
	n = decode_utf8(t, &character);
	if (character > 0xffff) {
		character -= 0x10000;
		add_json_unit(b, 0xd800 | character >> 10);
		add_json_unit(b, 0xdc00 | (character & 0x3ff));
	} else {
		add_json_unit(b, character);
	}
	return n > 0 ? n : 1;
}

/*
 * Returns the length of the escape at that place, so that cuts keep it whole.
 */
static size_t
written_length(const char *at)
{
	if (at[0] != '\\')
		return 1;
	if (at[1] == 'x')
		return BYTE_ESCAPE;
	if (at[1] != 'u')
		return 2;
	return at[2] == 'd' && strchr("89ab", at[3]) != NULL ? 2 * JSON_ESCAPE
							     : JSON_ESCAPE;
}

/* Cuts what was added since start to max bytes, with "..." at the end. */
static void
escape_cut(struct buffer *b, size_t start, size_t max)
{
	size_t end = start;

	if (b->len - start <= max)
		return;
	if (max < strlen(ELLIPSIS)) {
		b->len = start;
		return;
	}
	max -= strlen(ELLIPSIS);
	while (end + written_length(b->data + end) <= start + max)
		end += written_length(b->data + end);
	b->len = end;
	buffer_add_string(b, ELLIPSIS);
}

/* Copies runs of plain bytes, as nearly all bytes from clients are plain. */
static void
add_escaped(struct buffer *b, struct text t, size_t max, enum style style)
{
	size_t start = b->len;

	if (t.len > max) /* each byte adds at least one */
		t.len = max + 1;
	while (t.len > 0) {
		size_t n = plain_run(t, style != STYLE_PLAIN);

		buffer_add(b, t.at, n);
		t.at += n;
		t.len -= n;
		if (t.len == 0)
			break;
		n = style == STYLE_JSON ? add_json_escape(b, t)
					: add_log_escape(b, t);
		t.at += n;
		t.len -= n;
	}
	escape_cut(b, start, max);
}

void
escape_log(struct buffer *b, struct text t, size_t max)
{
	add_escaped(b, t, max, STYLE_PLAIN);
}

/* For each line of an access log: most texts need no escape. */
void
escape_log_quoted(struct buffer *b, struct text t, size_t max)
{
	if (t.len <= max && plain_run(t, true) == t.len)
		buffer_add_text(b, t);
	else
		add_escaped(b, t, max, STYLE_QUOTED);
}

void
escape_json(struct buffer *b, struct text t, size_t max)
{
	add_escaped(b, t, max, STYLE_JSON);
}

/* The UTF-8 form of the control picture of a control byte. */
static void
add_picture(struct buffer *b, unsigned char c)
{
	buffer_add_string(b, "\xe2\x90");
	buffer_add_char(b, (char)(c == 0x7f ? 0xa1 : 0x80 + c));
}

void
escape_html(struct buffer *b, struct text t)
{
	for (size_t i = 0; i < t.len; i++) {
		unsigned char c = (unsigned char)t.at[i];

		switch (c) {
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
			if (c < ' ' || c == 0x7f)
				add_picture(b, c);
			else
				buffer_add_char(b, t.at[i]);
		}
	}
}
