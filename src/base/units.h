/*
 * units: numbers as people write them.  From a command line: true and the
 * value, or false when the word is not such a number or is out of range.
 */
#ifndef TINED_BASE_UNITS_H
#define TINED_BASE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

/* "1500ms", "20s", "5m", "1h", "20": to nanoseconds, at most 10 years. */
bool units_time(const char *word, int64_t *nanoseconds);
/* "8192", "32k", "1M", "1G": to bytes, k being 1024. */
bool units_size(const char *word, uint64_t *bytes);
/* "999 B", "1.2 MB": to be read only, k being 1000. */
void units_add_size(struct buffer *b, uint64_t bytes);

#endif
