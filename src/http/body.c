#include <string.h>

#include "base/chars.h"
#include "http/body.h"
#include "http/grammar.h"

#define CHUNK_DIGITS_MAX 15

static size_t
body_refuse(struct body *b, int status)
{
	b->state = BODY_REFUSED;
	b->status = status;
	return 0;
}

void
body_start_chunks(struct body *b, uint64_t max)
{
	*b = (struct body){
	    .max = max, .state = BODY_CHUNK_SIZE, .chunked = true};
}

void
body_start_length(struct body *b, uint64_t length, uint64_t max)
{
	*b = (struct body){.max = max, .state = BODY_COMPLETE, .left = length};
	if (length > 0)
		b->state = BODY_DATA;
	if (length > max)
		body_refuse(b, 413);
}

void
body_start(struct body *b, const struct request *r, uint64_t max)
{
	if (r->framing == FRAMING_CHUNKED)
		body_start_chunks(b, max);
	else
		body_start_length(
		    b, r->framing == FRAMING_LENGTH ? r->length : 0, max);
}

/*
 * Gets a line without its CRLF.  False if it is incomplete, or malformed (the
 * state is then BODY_REFUSED).
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
		body_refuse(b, 400);
		return false;
	}
	len = (size_t)(lf - bytes.at) - 1;
	if (memchr(bytes.at, '\r', len) != NULL) {
		body_refuse(b, 400);
		return false;
	}
	*line = (struct text){bytes.at, len};
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
	grammar_skip(&line, digits);
	b->extensions += line.len;
	return digits > 0 && b->extensions <= BODY_EXTENSIONS_MAX &&
	    grammar_parameters(line, false);
}

static size_t
take_chunk_size(struct body *b, struct text bytes)
{
	struct text line;

	if (!take_line(b, bytes, BODY_CHUNK_LINE_MAX, &line))
		return 0;
	if (!parse_chunk_size(b, line))
		return body_refuse(b, 400);
	if (b->left > b->max - b->total)
		return body_refuse(b, 413);
	b->state = b->left > 0 ? BODY_DATA : BODY_TRAILERS;
	return line.len + 2;
}

/* The CRLF after the data of a chunk. */
static size_t
take_chunk_end(struct body *b, struct text bytes)
{
	if (bytes.len > 0 && bytes.at[0] != '\r')
		return body_refuse(b, 400);
	if (bytes.len < 2)
		return 0;
	if (bytes.at[1] != '\n')
		return body_refuse(b, 400);
	b->state = BODY_CHUNK_SIZE;
	return 2;
}

/* Checks trailer fields and discards them, as no handler uses them. */
static size_t
take_trailer(struct body *b, struct text bytes)
{
	struct text line, name, value;

	if (!take_line(b, bytes, BODY_TRAILER_LINE_MAX, &line))
		return 0;
	if (line.len == 0) {
		b->state = BODY_COMPLETE;
		return 2;
	}
	b->trailers += line.len;
	if (grammar_field(line, &name, &value) != line.len ||
	    b->trailers > BODY_TRAILERS_MAX ||
	    ++b->trailer_count > REQUEST_FIELDS_MAX)
		return body_refuse(b, 400);
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
