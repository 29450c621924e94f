#include <string.h>

#include "http/range.h"

#define UNIT "bytes="
/* Larger positions are clamped: RFC 9110, 14.1.2. */
#define POSITION_MAX INT64_MAX

/* Parses any number of digits; a larger number becomes POSITION_MAX. */
static bool
take_position(struct text t, uint64_t *position)
{
	if (text_to_number(t, POSITION_MAX, position))
		return true;
	for (size_t i = 0; i < t.len; i++)
		if (t.at[i] < '0' || t.at[i] > '9')
			return false;
	*position = POSITION_MAX;
	return t.len > 0;
}

/*
 * Parses "first-last", "first-" or "-suffix".  False if it is malformed;
 * *satisfiable is false if the representation has no byte of it.
 */
static bool
parse_one(struct text t, uint64_t size, struct range *out, bool *satisfiable)
{
	const char *dash = t.len > 0 ? memchr(t.at, '-', t.len) : NULL;
	struct text first, last;

	if (dash == NULL)
		return false;
	first = (struct text){t.at, (size_t)(dash - t.at)};
	last = (struct text){dash + 1, t.len - first.len - 1};
	if (first.len == 0) {
		uint64_t suffix;

		if (!take_position(last, &suffix))
			return false;
		*satisfiable = suffix > 0 && size > 0;
		out->first = suffix < size ? size - suffix : 0;
		out->last = size - 1;
		return true;
	}
	if (!take_position(first, &out->first))
		return false;
	out->last = POSITION_MAX;
	if (last.len > 0 && !take_position(last, &out->last))
		return false;
	if (out->last < out->first)
		return false;
	*satisfiable = out->first < size;
	if (out->last >= size)
		out->last = size - 1;
	return true;
}

static bool
overlap(const struct range *a, const struct range *b)
{
	return a->first <= b->last + 1 && b->first <= a->last + 1;
}

/* True if the ranges so far are in ascending order and r follows them. */
static bool
is_behind(const struct ranges *set, const struct range *r)
{
	return set->count == 0 || r->first > set->at[set->count - 1].last;
}

/* Joins r with all ranges that it overlaps or touches. */
static void
range_insert(struct ranges *set, struct range r)
{
	size_t kept = 0;
	size_t place = set->count;

	for (size_t i = 0; i < set->count; i++) {
		const struct range *other = &set->at[i];

		if (!overlap(other, &r)) {
			set->at[kept++] = *other;
			continue;
		}
		if (other->first < r.first)
			r.first = other->first;
		if (other->last > r.last)
			r.last = other->last;
		if (place == set->count)
			place = kept++;
	}
	if (place == set->count)
		place = kept++;
	set->at[place] = r;
	set->count = kept;
}

enum ranges_result
ranges_parse(struct text value, uint64_t size, struct ranges *out)
{
	struct text rest = value, element;
	bool ordered = true;
	size_t asked = 0;

	out->count = 0;
	if (value.len < strlen(UNIT) ||
	    !text_equal_nocase(
		(struct text){value.at, strlen(UNIT)}, TEXT(UNIT)))
		return RANGES_IGNORED;
	rest.at += strlen(UNIT);
	rest.len -= strlen(UNIT);
	while (text_next_element(&rest, &element)) {
		bool satisfiable = false;
		struct range r;

		if (++asked > RANGES_MAX ||
		    !parse_one(element, size, &r, &satisfiable))
			return RANGES_IGNORED;
		if (!satisfiable)
			continue;
		ordered = ordered && is_behind(out, &r);
		range_insert(out, r);
	}
	if (asked == 0 || size == 0 ||
	    (!ordered && asked > RANGES_UNORDERED_MAX))
		return RANGES_IGNORED;
	return out->count > 0 ? RANGES_SATISFIABLE : RANGES_UNSATISFIABLE;
}
