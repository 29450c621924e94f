#include <string.h>
#include <strings.h>

#include "coding.h"
#include "quality.h"

#define UNSET (-1)

static const struct {
	struct text name;
	const char *suffix;
} codings[CODINGS] = {
    [CODING_BR] = {{"br", 2}, ".br"},
    [CODING_ZSTD] = {{"zstd", 4}, ".zst"},
    [CODING_GZIP] = {{"gzip", 4}, ".gz"},
    [CODING_IDENTITY] = {{"identity", 8}, ""},
};

struct text
coding_name(enum coding c)
{
	return codings[c].name;
}

const char *
coding_suffix(enum coding c)
{
	return codings[c].suffix;
}

enum coding
coding_of_name(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL && strcasecmp(dot, ".svgz") == 0 ? CODING_GZIP
							    : CODING_IDENTITY;
}

/* "gzip;q=0.5" in its parts; a weight that cannot be read refuses. */
static int
split_weight(struct text *element)
{
	const char *mark = memchr(element->at, ';', element->len);
	struct text weight;
	int quality;

	if (mark == NULL)
		return QUALITY_MAX;
	weight = (struct text){
	    mark + 1, element->len - (size_t)(mark + 1 - element->at)};
	element->len = (size_t)(mark - element->at);
	*element = text_trim(*element);
	weight = text_trim(weight);
	if (weight.len < 2 || (weight.at[0] | 0x20) != 'q' ||
	    weight.at[1] != '=')
		return 0;
	quality = quality_parse((struct text){weight.at + 2, weight.len - 2});
	return quality < 0 ? 0 : quality;
}

static void
read_element(struct text element, struct coding_wish *out, int *any)
{
	int quality = split_weight(&element);

	if (text_equal(element, TEXT("*")))
		*any = quality;
	if (text_equal_nocase(element, TEXT("x-gzip")))
		element = codings[CODING_GZIP].name;
	for (int c = 0; c < CODINGS; c++)
		if (text_equal_nocase(element, codings[c].name))
			out->quality[c] = quality;
}

void
coding_read_wish(const struct request *r, struct coding_wish *out)
{
	struct text list, element;
	int any = UNSET;

	for (int c = 0; c < CODINGS; c++)
		out->quality[c] = UNSET;
	for (size_t i = 0; i < r->field_count; i++) {
		if (r->fields[i].id != FIELD_ACCEPT_ENCODING)
			continue;
		list = r->fields[i].value;
		while (text_next_element(&list, &element))
			read_element(element, out, &any);
	}
	for (int c = 0; c < CODINGS; c++) {
		if (out->quality[c] != UNSET)
			continue;
		out->quality[c] = any != UNSET ? any : 0;
		/* Acceptable unless refused: RFC 9110, 12.5.3 */
		if (c == CODING_IDENTITY && any == UNSET)
			out->quality[c] = 1;
	}
}

enum coding
coding_choose(const struct coding_wish *wish, unsigned available)
{
	enum coding best = CODING_IDENTITY;
	int quality = 0;

	for (int c = 0; c < CODINGS; c++) {
		if ((available & 1u << c) == 0 || wish->quality[c] <= quality)
			continue;
		best = (enum coding)c;
		quality = wish->quality[c];
	}
	return best;
}
