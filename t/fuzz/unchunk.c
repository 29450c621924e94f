/* The chunked transfer coding: RFC 9112, 7.1. */
#include "reader.h"
#include "span.h"

#define BWS SPACE

/*
 * The line at b->end, which is then behind its CRLF.  What is wrong with a
 * line may be found only when all of it is there.
 */
static enum reader_verdict
take_line(struct reader_body *b, struct span s, size_t max, struct span *line)
{
	size_t i = find(s, b->end, "\r\n");
	size_t lf = find(s, b->end, "\n");

	b->pending = lf == s.len && s.len - b->end < max + 2;
	if (i - b->end > max)
		return READER_REFUSED;
	if (i == s.len)
		return READER_MORE;
	if (s.at[i] == '\n')
		return READER_REFUSED;
	if (i + 1 == s.len)
		return READER_MORE;
	if (s.at[i + 1] != '\n')
		return READER_REFUSED;
	*line = part(s, b->end, i);
	b->end = i + 2;
	return READER_TAKEN;
}

/* *( BWS ";" BWS name [ BWS "=" BWS value ] ) */
static bool
is_chunk_ext(struct span s)
{
	size_t i = 0, j;

	while (i < s.len) {
		i = skip(s, i, BWS);
		if (i == s.len || s.at[i] != ';')
			return false;
		i = skip(s, i + 1, BWS);
		j = skip(s, i, TCHAR);
		if (j == i)
			return false;
		i = skip(s, j, BWS);
		if (i == s.len || s.at[i] != '=') {
			i = j;
			continue;
		}
		i = skip(s, i + 1, BWS);
		j = word(s, i);
		if (j == i)
			return false;
		i = j;
	}
	return true;
}

static bool
read_size_line(struct span line, uint64_t *size)
{
	size_t digits = skip(line, 0, HEXDIG);

	if (digits < 1 || digits > 15)
		return false;
	*size = 0;
	for (size_t i = 0; i < digits; i++) {
		const char *hex = "0123456789abcdef";

		*size = *size * 16 +
		    (uint64_t)(strchr(hex, line.at[i] | 0x20) - hex);
	}
	return is_chunk_ext(part(line, digits, line.len));
}

static bool
is_field_line(struct span line)
{
	size_t colon = find(line, 0, ":");

	return colon < line.len && is_token(part(line, 0, colon)) &&
	    is_field_content(part(line, colon + 1, line.len));
}

/* From behind the last chunk to the end of the body. */
static enum reader_verdict
read_trailers(struct reader_body *b, struct span s)
{
	size_t bytes = 0, count = 0;

	for (;;) {
		enum reader_verdict verdict;
		struct span line;

		verdict = take_line(b, s, READER_TRAILER_LINE_MAX, &line);
		if (verdict != READER_TAKEN)
			return verdict;
		if (line.len == 0)
			return READER_TAKEN;
		bytes += line.len;
		if (!is_field_line(line) || bytes > READER_TRAILERS_MAX ||
		    ++count > READER_FIELDS_MAX)
			return READER_REFUSED;
	}
}

/*
 * The data of a chunk, and the CRLF behind it.  What there is of it is
 * content, even when the rest has not come.
 */
static enum reader_verdict
read_data(struct reader_body *b, struct span s, uint64_t size, char *content)
{
	uint64_t have = s.len - b->end;
	size_t n = (size_t)(size < have ? size : have);

	memcpy(content + b->content, s.at + b->end, n);
	b->content += n;
	b->end += n;
	for (size_t i = 0; i < 2; i++) {
		if (b->end == s.len)
			return READER_MORE;
		if (s.at[b->end++] != "\r\n"[i])
			return READER_REFUSED;
	}
	return READER_TAKEN;
}

void
reader_chunked(struct reader_body *b, const char *bytes, size_t len,
    uint64_t max, char *content)
{
	struct span s = {bytes, len}, line;
	size_t extensions = 0;
	uint64_t size;

	memset(b, 0, sizeof(*b));
	for (;;) {
		b->verdict = take_line(b, s, READER_CHUNK_LINE_MAX, &line);
		if (b->verdict != READER_TAKEN)
			break;
		if (!read_size_line(line, &size)) {
			b->verdict = READER_REFUSED;
			break;
		}
		extensions += line.len - skip(line, 0, HEXDIG);
		if (extensions > READER_EXTENSIONS_MAX) {
			b->verdict = READER_REFUSED;
			break;
		}
		if (size == 0) {
			b->verdict = read_trailers(b, s);
			break;
		}
		if (size > max - b->content) {
			b->verdict = READER_REFUSED;
			b->status = 413;
			return;
		}
		b->verdict = read_data(b, s, size, content);
		if (b->verdict != READER_TAKEN)
			break;
	}
	if (b->verdict == READER_REFUSED)
		b->status = 400;
}
