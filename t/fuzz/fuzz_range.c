/*
 * Range fields: what comes out lies inside, is disjoint, and covers exactly
 * the bytes that were asked for.  The first byte of an input chooses the size.
 */
#include <string.h>

#include "fuzz.h"
#include "http/range.h"
#include "span.h"

#define LARGEST INT64_MAX /* of a file, by off_t */

struct wish {
	uint64_t first; /* first > last: none of it exists */
	uint64_t last;
};

struct wishes {
	struct wish at[RANGES_MAX];
	size_t count;
};

/* Digits, and as much as there can be for more. */
static bool
number(struct span s, uint64_t *n)
{
	*n = 0;
	if (s.len == 0 || !all(s, DIGIT))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		uint64_t digit = (uint64_t)(s.at[i] - '0');

		*n = *n > (LARGEST - digit) / 10 ? LARGEST : *n * 10 + digit;
	}
	return true;
}

/* int-range and suffix-range of RFC 9110, 14.1.2. */
static bool
read_spec(struct span s, uint64_t size, struct wishes *w)
{
	size_t dash = find(s, 0, "-");
	struct wish wish = {0, size - 1};
	uint64_t suffix;

	if (dash == s.len || w->count == RANGES_MAX)
		return false;
	if (dash == 0) {
		if (!number(part(s, 1, s.len), &suffix))
			return false;
		if (suffix < size)
			wish.first = size - suffix;
	} else {
		if (!number(part(s, 0, dash), &wish.first))
			return false;
		if (dash + 1 < s.len &&
		    !number(part(s, dash + 1, s.len), &wish.last))
			return false;
		if (dash + 1 < s.len && wish.last < wish.first)
			return false;
		if (wish.last > size - 1)
			wish.last = size - 1;
	}
	w->at[w->count++] = wish;
	return true;
}

/* Many are for those only who ask from the front to the back. */
static bool
is_in_order(const struct wishes *w)
{
	const struct wish *before = NULL;

	for (size_t i = 0; i < w->count; i++) {
		const struct wish *wish = &w->at[i];

		if (wish->first > wish->last)
			continue;
		if (before != NULL && wish->first <= before->last)
			return false;
		before = wish;
	}
	return true;
}

/* False when the field is to be ignored. */
static bool
read_specs(struct span s, uint64_t size, struct wishes *w)
{
	size_t i = strlen("bytes=");

	if (!begins(s, "bytes="))
		return false;
	while (i <= s.len) {
		size_t comma = find(s, i, ",");
		struct span spec = trim(part(s, i, comma));

		if (spec.len > 0 && !read_spec(spec, size, w))
			return false;
		i = comma + 1;
	}
	return w->count > 0 &&
	    (w->count <= RANGES_UNORDERED_MAX || is_in_order(w));
}

static bool
wanted(const struct wishes *w, uint64_t byte)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->at[i].first <= byte && byte <= w->at[i].last)
			return true;
	return false;
}

static bool
given(const struct ranges *r, uint64_t byte)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->at[i].first <= byte && byte <= r->at[i].last)
			return true;
	return false;
}

static void
check_byte(const struct wishes *w, const struct ranges *r, uint64_t byte,
    uint64_t size)
{
	if (byte < size)
		FUZZ_CHECK(wanted(w, byte) == given(r, byte), "byte %ju is %d",
		    (uintmax_t)byte, given(r, byte));
}

/* It is enough to look at where something begins or ends. */
static void
check_coverage(const struct wishes *w, const struct ranges *r, uint64_t size)
{
	for (size_t i = 0; i < w->count; i++)
		for (uint64_t d = 0; d < 3; d++) {
			check_byte(w, r, w->at[i].first + d - 1, size);
			check_byte(w, r, w->at[i].last + d - 1, size);
		}
	for (size_t i = 0; i < r->count; i++)
		for (uint64_t d = 0; d < 3; d++) {
			check_byte(w, r, r->at[i].first + d - 1, size);
			check_byte(w, r, r->at[i].last + d - 1, size);
		}
}

static void
check_shape(const struct ranges *r, uint64_t size)
{
	FUZZ_CHECK(r->count > 0 && r->count <= RANGES_MAX, "%zu", r->count);
	for (size_t i = 0; i < r->count; i++) {
		const struct range *a = &r->at[i];

		FUZZ_CHECK(a->first <= a->last && a->last < size, "%zu", i);
		for (size_t j = 0; j < i; j++) {
			const struct range *b = &r->at[j];

			FUZZ_CHECK(
			    a->first > b->last + 1 || b->first > a->last + 1,
			    "%zu and %zu meet", i, j);
		}
	}
}

static bool
any(const struct wishes *w)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->at[i].first <= w->at[i].last)
			return true;
	return false;
}

static void
try(struct span s, uint64_t size)
{
	struct ranges r;
	struct wishes w = {0};
	struct text value = {s.at, s.len};
	enum ranges_result result = ranges_parse(value, size, &r);

	/* Everybody answers 200 for an empty file, whatever is asked for. */
	if (!read_specs(s, size, &w) || size == 0) {
		FUZZ_CHECK(result == RANGES_IGNORED, "%d", result);
		return;
	}
	if (result == RANGES_SATISFIABLE) {
		check_shape(&r, size);
		check_coverage(&w, &r, size);
	}
	FUZZ_CHECK(
	    result == (any(&w) ? RANGES_SATISFIABLE : RANGES_UNSATISFIABLE),
	    "%d", result);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint64_t sizes[] = {
	    0, 1, 10, 100, 1000, 4096, 10000000000, LARGEST};
	char *copy;

	if (size == 0)
		return 0;
	copy = fuzz_copy(data + 1, size - 1);
	try((struct span){copy, size - 1}, sizes[data[0] & 7]);
	free(copy);
	return 0;
}
