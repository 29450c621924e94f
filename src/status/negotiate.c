#include <string.h>

#include "http/qvalue.h"
#include "status/negotiate.h"

/* How precisely a media range names a type (RFC 9110, 12.5.1). */
enum precision {
	PRECISION_NONE,
	PRECISION_ANY,	 /* any type at all */
	PRECISION_KIND,	 /* any of text, say */
	PRECISION_TYPE,	 /* the very type */
	PRECISION_PARAM, /* with a parameter of its own */
};

struct wish {
	int quality;
	enum precision precision;
};

const char *
status_form_type(enum status_form form)
{
	static const char *const types[FORMS] = {
	    [FORM_TEXT] = "text/plain; charset=utf-8",
	    [FORM_PAGE] = "text/html; charset=utf-8",
	    [FORM_JSON] = "application/json",
	    [FORM_METRICS] = "text/plain; version=0.0.4; charset=utf-8",
	    [FORM_OPEN_METRICS] =
		"application/openmetrics-text; version=1.0.0; charset=utf-8",
	};

	return types[form];
}

/* Up to a mark, behind which *rest goes on; all of it if there is none. */
static struct text
take_until(struct text *rest, char mark)
{
	const char *at =
	    rest->len > 0 ? memchr(rest->at, mark, rest->len) : NULL;
	size_t len = at != NULL ? (size_t)(at - rest->at) : rest->len;
	size_t used = at != NULL ? len + 1 : len;
	struct text part = {rest->at, len};

	*rest = (struct text){rest->at + used, rest->len - used};
	return text_trim(part);
}

/* "version=0.0.4" tells Prometheus' text format from plain text. */
static int
read_params(struct text params, bool *is_metrics)
{
	int quality = QVALUE_MAX;

	while (params.len > 0) {
		struct text value = take_until(&params, ';');
		struct text name = take_until(&value, '=');

		if (text_equal_nocase(name, TEXT("q")))
			quality = qvalue_parse(value);
		else if (text_equal_nocase(name, TEXT("version")) &&
		    text_equal(value, TEXT("0.0.4")))
			*is_metrics = true;
	}
	return quality < 0 ? 0 : quality;
}

static enum precision
match(struct text range, struct text type)
{
	size_t kind =
	    (size_t)((const char *)memchr(type.at, '/', type.len) - type.at) +
	    1;

	if (text_equal(range, TEXT("*/*")))
		return PRECISION_ANY;
	if (text_equal_nocase(range, type))
		return PRECISION_TYPE;
	if (range.len == kind + 1 && range.at[kind] == '*' &&
	    text_equal_nocase(
		(struct text){range.at, kind}, (struct text){type.at, kind}))
		return PRECISION_KIND;
	return PRECISION_NONE;
}

static void
read_range(struct text range, struct wish wishes[FORMS])
{
	struct text type = take_until(&range, ';');
	bool is_metrics = false;
	int quality = read_params(range, &is_metrics);

	for (int f = 0; f < FORMS; f++) {
		struct text own =
		    text_of(status_form_type((enum status_form)f));
		enum precision p = match(type, take_until(&own, ';'));

		if (p == PRECISION_TYPE && is_metrics)
			p = f == FORM_METRICS ? PRECISION_PARAM
					      : PRECISION_NONE;
		if (p > wishes[f].precision)
			wishes[f] = (struct wish){quality, p};
	}
}

static void
read_accept(const struct request *r, struct wish wishes[FORMS])
{
	struct text list, element;

	for (size_t i = 0; i < r->field_count; i++) {
		if (r->fields[i].id != FIELD_ACCEPT)
			continue;
		list = r->fields[i].value;
		while (text_next_element(&list, &element))
			read_range(element, wishes);
	}
}

/* A client that accepts none of them gets the first all the same. */
enum status_form
status_wanted_form(const struct request *r)
{
	struct wish wishes[FORMS] = {0};
	enum status_form best = FORM_TEXT;

	read_accept(r, wishes);
	for (int f = 0; f < FORMS; f++)
		if (wishes[f].quality > wishes[best].quality)
			best = (enum status_form)f;
	return best;
}

enum status_form
status_wanted_metrics(const struct request *r)
{
	struct wish wishes[FORMS] = {0};

	read_accept(r, wishes);
	return wishes[FORM_OPEN_METRICS].precision >= PRECISION_TYPE &&
		wishes[FORM_OPEN_METRICS].quality > 0 &&
		wishes[FORM_OPEN_METRICS].quality >=
		    wishes[FORM_METRICS].quality
	    ? FORM_OPEN_METRICS
	    : FORM_METRICS;
}
