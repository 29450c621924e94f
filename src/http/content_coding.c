#include <string.h>
#include <strings.h>

#include "http/content_coding.h"
#include "http/qvalue.h"

#define UNSET (-1)

static const struct {
	struct text name;
	const char *suffix;
} codings[CONTENT_CODINGS] = {
    [CONTENT_CODING_BR] = {{"br", 2}, ".br"},
    [CONTENT_CODING_ZSTD] = {{"zstd", 4}, ".zst"},
    [CONTENT_CODING_GZIP] = {{"gzip", 4}, ".gz"},
    [CONTENT_CODING_IDENTITY] = {{"identity", 8}, ""},
};

struct text
content_coding_name(enum content_coding c)
{
	return codings[c].name;
}

const char *
content_coding_suffix(enum content_coding c)
{
	return codings[c].suffix;
}

enum content_coding
content_coding_of_name(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL && strcasecmp(dot, ".svgz") == 0
	    ? CONTENT_CODING_GZIP
	    : CONTENT_CODING_IDENTITY;
}

/* Splits "gzip;q=0.5"; a malformed weight counts as 0. */
static int
split_weight(struct text *element)
{
	const char *mark = memchr(element->at, ';', element->len);
	struct text weight;
	int quality;

	if (mark == NULL)
		return QVALUE_MAX;
	weight = (struct text){
	    mark + 1, element->len - (size_t)(mark + 1 - element->at)};
	element->len = (size_t)(mark - element->at);
	*element = text_trim(*element);
	weight = text_trim(weight);
	if (weight.len < 2 || (weight.at[0] | 0x20) != 'q' ||
	    weight.at[1] != '=')
		return 0;
	quality = qvalue_parse((struct text){weight.at + 2, weight.len - 2});
	return quality < 0 ? 0 : quality;
}

static void
read_element(struct text element, struct content_coding_wish *out, int *any)
{
	int quality = split_weight(&element);

	if (text_equal(element, TEXT("*")))
		*any = quality;
	if (text_equal_nocase(element, TEXT("x-gzip")))
		element = codings[CONTENT_CODING_GZIP].name;
	for (int c = 0; c < CONTENT_CODINGS; c++)
		if (text_equal_nocase(element, codings[c].name))
			out->quality[c] = quality;
}

void
content_coding_read_wish(
    const struct request *r, struct content_coding_wish *out)
{
	struct text list, element;
	int any = UNSET;

	for (int c = 0; c < CONTENT_CODINGS; c++)
		out->quality[c] = UNSET;
	for (size_t i = 0; i < r->field_count; i++) {
		if (r->fields[i].id != FIELD_ACCEPT_ENCODING)
			continue;
		list = r->fields[i].value;
		while (text_next_element(&list, &element))
			read_element(element, out, &any);
	}
	for (int c = 0; c < CONTENT_CODINGS; c++) {
		if (out->quality[c] != UNSET)
			continue;
		out->quality[c] = any != UNSET ? any : 0;
		/* Acceptable unless refused: RFC 9110, 12.5.3 */
		if (c == CONTENT_CODING_IDENTITY && any == UNSET)
			out->quality[c] = 1;
	}
}

enum content_coding
content_coding_choose(
    const struct content_coding_wish *wish, unsigned available)
{
	enum content_coding best = CONTENT_CODING_IDENTITY;
	int quality = 0;

	for (int c = 0; c < CONTENT_CODINGS; c++) {
		if ((available & 1u << c) == 0 || wish->quality[c] <= quality)
			continue;
		best = (enum content_coding)c;
		quality = wish->quality[c];
	}
	return best;
}
