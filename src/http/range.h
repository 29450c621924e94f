/*
 * range: byte ranges (RFC 9110, 14).
 */
#ifndef TINED_HTTP_RANGE_H
#define TINED_HTTP_RANGE_H

#include "base/text.h"

/* A Range with more is ignored: RFC 9110, 17.15; CVE-2011-3192. */
#define RANGES_MAX 256
/* So is one with more that overlap or are not in ascending order. */
#define RANGES_UNORDERED_MAX 16

struct range {
	uint64_t first; /* offset of the first byte */
	uint64_t last;	/* offset of the last, included */
};

enum ranges_result {
	RANGES_IGNORED,	      /* send it all */
	RANGES_SATISFIABLE,   /* send these */
	RANGES_UNSATISFIABLE, /* 416 */
};

struct ranges {
	struct range at[RANGES_MAX];
	size_t count;
};

/*
 * Parses the value of a Range field for a representation of size bytes, and
 * joins ranges that overlap or touch.  Ignores a value that is malformed, has
 * another unit, or has too many ranges.  Ignores every value if size is 0: "-5"
 * would be satisfiable (RFC 9110, 14.1.2), but Content-Range cannot express it.
 */
enum ranges_result ranges_parse(
    struct text value, uint64_t size, struct ranges *out);

#endif
