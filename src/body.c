#include <string.h>

#include "body.h"
#include "chars.h"

#define CHUNK_DIGITS_MAX 15

static size_t
refuse(struct body *b, int status)
{
	b->state = BODY_REFUSED;
	b->status = status;
	return 0;
}

void
body_start(struct body *b, const struct request *r, uint64_t max)
{
	*b = (struct body){.max = max, .state = BODY_COMPLETE};
	if (r->framing == FRAMING_CHUNKED) {
		b->chunked = true;
		b->state = BODY_CHUNK_SIZE;
	} else if (r->framing == FRAMING_LENGTH && r->length > 0) {
		b->left = r->length;
		b->state = BODY_DATA;
		if (r->length > max)
			refuse(b, 413);
	}
}

/*
 * A line that ends with CRLF, without it.  False when it is not yet complete,
 * or when it cannot be one (state: BODY_REFUSED).
 */
static bool
take_line(struct body *b, struct text bytes, size_t max, struct text *line)
{
	size_t seen = bytes.len < max + 2 ? bytes.len : max + 2;
	const char *lf = seen > 0 ? memchr(bytes.at, '\n', seen) : NULL;
	size_t len;

	if (lf == NULL && seen < max + 2)
		return false;
	if (lf == NULL || lf == bytes.at || lf[-1] != '\r') {
		refuse(b, 400);
		return false;
	}
	len = (size_t)(lf - bytes.at) - 1;
	if (memchr(bytes.at, '\r', len) != NULL) {
		refuse(b, 400);
		return false;
	}
	*line = (struct text){bytes.at, len};
	return true;
}

static void
skip(struct text *t, size_t n)
{
	t->at += n;
	t->len -= n;
}

static void
skip_space(struct text *t)
{
	while (t->len > 0 && (t->at[0] == ' ' || t->at[0] == '\t'))
		skip(t, 1);
}

static bool
skip_token(struct text *t)
{
	size_t n = 0;

	while (n < t->len && chars_is(t->at[n], CHAR_TOKEN))
		n++;
	skip(t, n);
	return n > 0;
}

/* quoted-string of RFC 9110, 5.6.4 */
static bool
skip_quoted(struct text *t)
{
	skip(t, 1);
	while (t->len > 0 && t->at[0] != '"') {
		if (t->at[0] == '\\')
			skip(t, 1);
		if (t->len == 0 || !chars_is(t->at[0], CHAR_VALUE))
			return false;
		skip(t, 1);
	}
	if (t->len == 0)
		return false;
	skip(t, 1);
	return true;
}

/* "=", with bad white space before it that may belong to a ";" instead. */
static bool
skip_equals(struct text *t)
{
	struct text rest = *t;

	skip_space(&rest);
	if (rest.len == 0 || rest.at[0] != '=')
		return false;
	skip(&rest, 1);
	*t = rest;
	return true;
}

/* chunk-ext of RFC 9112, 7.1.1, with its bad white space. */
static bool
are_extensions(struct text t)
{
	while (t.len > 0) {
		skip_space(&t); /* only before a ";" */
		if (t.len == 0 || t.at[0] != ';')
			return false;
		skip(&t, 1);
		skip_space(&t);
		if (!skip_token(&t))
			return false;
		if (!skip_equals(&t))
			continue;
		skip_space(&t);
		if (t.len > 0 && t.at[0] == '"' ? !skip_quoted(&t)
						: !skip_token(&t))
			return false;
	}
	return true;
}

static bool
parse_chunk_size(struct body *b, struct text line)
{
	size_t digits = 0;

	b->left = 0;
	while (digits < line.len && chars_is(line.at[digits], CHAR_HEX)) {
		if (digits == CHUNK_DIGITS_MAX)
			return false;
		b->left = b->left << 4 | (unsigned)chars_hex(line.at[digits++]);
	}
	skip(&line, digits);
	b->extensions += line.len;
	return digits > 0 && b->extensions <= BODY_EXTENSIONS_MAX &&
	    are_extensions(line);
}

static size_t
take_chunk_size(struct body *b, struct text bytes)
{
	struct text line;

	if (!take_line(b, bytes, BODY_CHUNK_LINE_MAX, &line))
		return 0;
	if (!parse_chunk_size(b, line))
		return refuse(b, 400);
	if (b->left > b->max - b->total)
		return refuse(b, 413);
	b->state = b->left > 0 ? BODY_DATA : BODY_TRAILERS;
	return line.len + 2;
}

/* The CRLF behind the data of a chunk. */
static size_t
take_chunk_end(struct body *b, struct text bytes)
{
	if (bytes.len > 0 && bytes.at[0] != '\r')
		return refuse(b, 400);
	if (bytes.len < 2)
		return 0;
	if (bytes.at[1] != '\n')
		return refuse(b, 400);
	b->state = BODY_CHUNK_SIZE;
	return 2;
}

static bool
is_field_line(struct text line)
{
	return skip_token(&line) && line.len > 0 && line.at[0] == ':' &&
	    chars_all_values(line.at + 1, line.len - 1);
}

/* Trailer fields are checked and dropped: nothing here asks for one. */
static size_t
take_trailer(struct body *b, struct text bytes)
{
	struct text line;

	if (!take_line(b, bytes, BODY_TRAILER_LINE_MAX, &line))
		return 0;
	if (line.len == 0) {
		b->state = BODY_COMPLETE;
		return 2;
	}
	b->trailers += line.len;
	if (!is_field_line(line) || b->trailers > BODY_TRAILERS_MAX ||
	    ++b->trailer_count > REQUEST_FIELDS_MAX)
		return refuse(b, 400);
	return line.len + 2;
}

static size_t
take_data(struct body *b, struct text bytes, struct text *content)
{
	size_t n = bytes.len < b->left ? bytes.len : (size_t)b->left;

	*content = (struct text){bytes.at, n};
	b->total += n;
	b->left -= n;
	if (b->left == 0)
		b->state = b->chunked ? BODY_CHUNK_END : BODY_COMPLETE;
	return n;
}

size_t
body_take(struct body *b, const char *bytes, size_t len, struct text *content)
{
	struct text all = {bytes, len};

	*content = (struct text){bytes, 0};
	switch (b->state) {
	case BODY_DATA:
		return take_data(b, all, content);
	case BODY_CHUNK_SIZE:
		return take_chunk_size(b, all);
	case BODY_CHUNK_END:
		return take_chunk_end(b, all);
	case BODY_TRAILERS:
		return take_trailer(b, all);
	case BODY_COMPLETE:
	case BODY_REFUSED:
		break;
	}
	return 0;
}
