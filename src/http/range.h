/*
 * range: byte ranges (RFC 9110, 14).
 */
#ifndef TINED_HTTP_RANGE_H
#define TINED_HTTP_RANGE_H

#include "base/text.h"

/* More are not honoured: RFC 9110, 17.15; CVE-2011-3192. */
#define RANGES_MAX 256
/* Nor are more than this when they overlap or do not ascend. */
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
 * Reads the value of a Range field for a representation of size bytes.  Ranges
 * that overlap or touch are made one; a set that asks for more than there
 * may be, or is malformed, or of another unit, is ignored; and so is any set
 * where there is nothing to send a part of: "-5" is satisfiable of an empty
 * representation (RFC 9110, 14.1.2), but its Content-Range would have no form.
 */
enum ranges_result ranges_parse(
    struct text value, uint64_t size, struct ranges *out);

#endif
