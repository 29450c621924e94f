#include <stdbool.h>
#include <string.h>

#include "escape.h"

#define ELLIPSIS "..."
/* The longest escape of one byte. */
#define ESCAPE_MAX strlen("\\xhh")

/* A byte in each of the eight places of a word. */
#define EIGHT(byte) (UINT64_C(0x0101010101010101) * (byte))
#define HIGH_BITS EIGHT(0x80)

static bool
is_plain(unsigned char c, bool quoted)
{
	return c >= ' ' && c <= '~' && c != '\\' && !(quoted && c == '"');
}

/* 0 when no byte of the word needs an escape: is_plain, eight at a time. */
static uint64_t
suspects(uint64_t word, uint64_t quotes)
{
	uint64_t slash = word ^ EIGHT('\\');
	uint64_t quote = word ^ quotes;

	return ((word - EIGHT(' ')) | (word + EIGHT(1)) | (slash - EIGHT(1)) |
		   (quote - EIGHT(1))) &
	    HIGH_BITS;
}

/* How many bytes at the front stand for themselves. */
static size_t
plain_run(struct text t, bool quoted)
{
	uint64_t quotes = EIGHT((unsigned char)(quoted ? '"' : '\\'));
	uint64_t word;
	size_t n = 0;

	for (; t.len - n >= sizeof(word); n += sizeof(word)) {
		memcpy(&word, t.at + n, sizeof(word));
		if (suspects(word, quotes) != 0)
			break;
	}
	while (n < t.len && is_plain((unsigned char)t.at[n], quoted))
		n++;
	return n;
}

static void
add_escape(struct buffer *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char named[] = "\"\\\n\t\r";
	static const char names[] = "\"\\ntr";
	const char *name = c != '\0' ? strchr(named, c) : NULL;
	char out[] = {'\\', 'x', hex[c >> 4], hex[c & 15]};

	if (name != NULL)
		out[1] = names[name - named];
	buffer_add(b, out, name != NULL ? 2 : sizeof(out));
}

/* Of a character as it was written above: never half an escape is cut off. */
static size_t
written_length(const char *at)
{
	if (at[0] != '\\')
		return 1;
	return at[1] == 'x' ? ESCAPE_MAX : 2;
}

/* Takes away from what was added since start what is too much. */
static void
cut(struct buffer *b, size_t start, size_t max)
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

/* By runs: nearly all bytes that clients send are plain. */
static void
escape_for_log(struct buffer *b, struct text t, size_t max, bool quoted)
{
	size_t start = b->len;

	if (t.len > max) /* each byte becomes one at least */
		t.len = max + 1;
	while (t.len > 0) {
		size_t n = plain_run(t, quoted);

		buffer_add(b, t.at, n);
		if (n < t.len)
			add_escape(b, (unsigned char)t.at[n++]);
		t.at += n;
		t.len -= n;
	}
	cut(b, start, max);
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
