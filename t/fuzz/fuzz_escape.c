/*
 * What is shown in logs and pages: harmless, within its bounds, and the very
 * bytes when it is read back.  The first byte of an input is the bound.
 */
#include <string.h>

#include "base/escape.h"
#include "fuzz.h"

#define BEFORE "before"
#define BOUND_MIN 3 /* for the "..." */

/* How long one byte is in a log, and what byte it is. */
static size_t
read_back(struct text t, bool quoted, unsigned char *byte)
{
	const char *names = quoted ? "\\\"nrt" : "\\nrt";
	const char *bytes = quoted ? "\\\"\n\r\t" : "\\\n\r\t";
	const char *name;
	unsigned value;
	char hex[3] = {0};

	*byte = (unsigned char)t.at[0];
	if (t.at[0] != '\\')
		return 1;
	FUZZ_CHECK(t.len >= 2, "half an escape");
	if (t.at[1] == 'x') {
		FUZZ_CHECK(t.len >= 4, "half an escape");
		memcpy(hex, t.at + 2, 2);
		FUZZ_CHECK(strspn(hex, "0123456789abcdef") == 2, "%s", hex);
		sscanf(hex, "%x", &value);
		*byte = (unsigned char)value;
		return 4;
	}
	name = strchr(names, t.at[1]);
	FUZZ_CHECK(name != NULL && *name != '\0', "\\%c", t.at[1]);
	*byte = (unsigned char)bytes[name - names];
	return 2;
}

/* out is in, or as much of it as has room, with "..." behind it. */
static void
check_log(struct text in, struct text out, size_t max, bool quoted)
{
	struct text rest = out;
	size_t i = 0;
	bool cut;

	FUZZ_CHECK(out.len <= max, "%zu of %zu", out.len, max);
	for (size_t n = 0; n < out.len; n++)
		FUZZ_CHECK(
		    out.at[n] >= ' ' && out.at[n] <= '~', "%d", out.at[n]);
	while (rest.len > 0 && i < in.len) {
		unsigned char byte;
		size_t n;

		if (quoted)
			FUZZ_CHECK(rest.at[0] != '"', "a bare quote");
		n = read_back(rest, quoted, &byte);
		if (byte != (unsigned char)in.at[i])
			break;
		rest.at += n;
		rest.len -= n;
		i++;
	}
	cut = rest.len > 0 || i < in.len;
	if (!cut)
		return;
	FUZZ_CHECK(out.len >= 3 && memcmp(out.at + out.len - 3, "...", 3) == 0,
	    "\"%.*s\"", TEXT_ARG(out));
	FUZZ_CHECK(rest.len <= 3, "\"%.*s\" is left", TEXT_ARG(rest));
	/* A cut gives no room away that a byte would have fitted in. */
	FUZZ_CHECK(out.len + 4 > max, "%zu of %zu", out.len, max);
}

static void
try_log(struct text in, size_t max, bool quoted)
{
	struct buffer b = {0};
	struct text out;

	buffer_add_string(&b, BEFORE);
	if (quoted)
		escape_log_quoted(&b, in, max);
	else
		escape_log(&b, in, max);
	out = buffer_text(&b);
	FUZZ_CHECK(text_begins(out, TEXT(BEFORE)), "what was before is lost");
	out.at += strlen(BEFORE);
	out.len -= strlen(BEFORE);
	check_log(in, out, max, quoted);
	buffer_free(&b);
}

/* U+2400 and on, in UTF-8. */
static size_t
read_picture(struct text t, char *c)
{
	FUZZ_CHECK(text_begins(t, TEXT("\xe2\x90")) && t.len > 2, "no picture");
	*c = (char)(t.at[2] ^ 0x80);
	if (*c == 0x21)
		*c = 0x7f;
	return 3;
}

static size_t
read_entity(struct text t, char *c)
{
	static const struct {
		const char *name;
		char c;
	} entities[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'},
	    {"&quot;", '"'}, {"&#39;", '\''}};

	*c = t.at[0];
	FUZZ_CHECK(strchr("<>\"'", *c) == NULL || *c == '\0', "a bare %c", *c);
	if (*c != '&')
		return 1;
	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
		if (text_begins(t, text_of(entities[i].name))) {
			*c = entities[i].c;
			return strlen(entities[i].name);
		}
	FUZZ_CHECK(0, "a bare &");
	return 0;
}

static void
try_html(struct text in)
{
	struct buffer b = {0};
	struct text out;
	size_t i = 0;

	escape_html(&b, in);
	out = buffer_text(&b);
	while (out.len > 0) {
		bool control = i < in.len &&
		    ((unsigned char)in.at[i] < ' ' || in.at[i] == 0x7f);
		char c;
		size_t n =
		    control ? read_picture(out, &c) : read_entity(out, &c);

		FUZZ_CHECK(i < in.len && c == in.at[i], "byte %zu", i);
		out.at += n;
		out.len -= n;
		i++;
	}
	FUZZ_CHECK(i == in.len, "%zu of %zu", i, in.len);
	buffer_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text in;
	char *copy;
	size_t max;

	if (size == 0)
		return 0;
	copy = fuzz_copy(data + 1, size - 1);
	in = (struct text){copy, size - 1};
	max = (size_t)data[0] + BOUND_MIN;
	try_log(in, max, false);
	try_log(in, max, true);
	try_html(in);
	free(copy);
	return 0;
}
