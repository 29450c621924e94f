#include <string.h>

#include "http/conditional.h"
#include "http/date.h"
#include "http/grammar.h"

static bool
is_weak(struct text etag)
{
	return text_begins(etag, TEXT("W/"));
}

static struct text
opaque(struct text etag)
{
	if (is_weak(etag))
		return (struct text){etag.at + 2, etag.len - 2};
	return etag;
}

/* RFC 9110, 8.8.3.2 */
static bool
etags_match(struct text a, struct text b, bool strong)
{
	if (strong && (is_weak(a) || is_weak(b)))
		return false;
	return text_equal(opaque(a), opaque(b));
}

/*
 * Gets the next entity-tag of a list.  It is not a quoted-string, because it
 * has no escapes (RFC 9110, 8.8.3).  False at the end, or if none begins there.
 */
static bool
next_etag(struct text *rest, struct text *etag)
{
	size_t prefix;
	const char *end;

	while (rest->len > 0 && strchr(" \t,", rest->at[0]) != NULL)
		grammar_skip(rest, 1);
	prefix = is_weak(*rest) ? 3 : 1; /* with the first quote */
	if (rest->len < prefix || rest->at[prefix - 1] != '"')
		return false;
	end = memchr(rest->at + prefix, '"', rest->len - prefix);
	if (end == NULL)
		return false;
	*etag = (struct text){rest->at, (size_t)(end + 1 - rest->at)};
	grammar_skip(rest, etag->len);
	return true;
}

/* True if an element of any field with that id matches; "*" always does. */
static bool
list_matches(
    const struct request *r, enum field_id id, struct text etag, bool strong)
{
	struct text list, element;

	for (size_t i = 0; i < r->field_count; i++) {
		if (r->fields[i].id != id)
			continue;
		list = r->fields[i].value;
		if (text_equal(list, TEXT("*")))
			return true;
		while (next_etag(&list, &element))
			if (etags_match(element, etag, strong))
				return true;
	}
	return false;
}

/* Gets the date of a field; false if it is missing or malformed. */
static bool
date_field(const struct request *r, enum field_id id, time_t *date)
{
	struct text value;

	return request_only_field(r, id, &value) && date_parse(value, date);
}

static bool
precondition_fails(const struct request *r, const struct validators *v)
{
	time_t date;

	if (r->counts[FIELD_IF_MATCH] > 0)
		return !list_matches(r, FIELD_IF_MATCH, v->etag, true);
	return date_field(r, FIELD_IF_UNMODIFIED_SINCE, &date) &&
	    v->modified > date;
}

int
conditional_check(
    const struct request *r, const struct validators *v, time_t now)
{
	bool safe = (r->method & (METHOD_GET | METHOD_HEAD)) != 0;
	time_t date;

	if (precondition_fails(r, v))
		return 412;
	if (r->counts[FIELD_IF_NONE_MATCH] > 0) {
		if (!list_matches(r, FIELD_IF_NONE_MATCH, v->etag, false))
			return 0;
		return safe ? 304 : 412;
	}
	if (safe && date_field(r, FIELD_IF_MODIFIED_SINCE, &date) &&
	    date <= now && v->modified <= date)
		return 304;
	return 0;
}

/* RFC 9110, 13.1.5: compares an entity tag strongly, or the exact date. */
bool
conditional_range_applies(const struct request *r, const struct validators *v)
{
	struct text value;
	time_t date;

	if (!request_field(r, FIELD_IF_RANGE, &value))
		return true;
	if (r->counts[FIELD_IF_RANGE] > 1)
		return false;
	if (date_parse(value, &date))
		return !is_weak(v->etag) && date == v->modified;
	return etags_match(value, v->etag, true);
}
