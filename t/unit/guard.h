/*
 * guard: inputs where a byte read too far, or too early, is a crash; and the
 * ways in which TCP may cut an input in pieces.
 */
#ifndef TINED_GUARD_H
#define TINED_GUARD_H

#include <stddef.h>

#include "base/text.h"

#define GUARD_MAX (1 << 20)

/*
 * A copy whose last byte is the last before a page that nobody may touch.
 * Each is good until the fourth call after it.
 */
char *guard_copy(const void *bytes, size_t len);
struct text guard_text(struct text t);
/* The same for a string; its NUL is the last byte. */
char *guard_string(const char *s);
/* A copy whose first byte is the first behind such a page. */
char *guard_copy_behind(const void *bytes, size_t len);

/*
 * Way 0 is the whole at once, way n < len is n bytes and then the rest, and
 * way len is byte by byte.  How many ways there are:
 */
size_t guard_ways(size_t len);
/* How many bytes have come after those that had come. */
size_t guard_next(size_t way, size_t had, size_t len);

#endif
