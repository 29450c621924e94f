/*
 * units: numbers with units, as people write them.  The parsers return false if
 * the word is malformed or out of range.
 */
#ifndef TINED_BASE_UNITS_H
#define TINED_BASE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

/* Parses "1500ms", "20s", "5m", "1h" or "20" (seconds), up to 10 years. */
bool units_time(const char *word, int64_t *nanoseconds);
/* Parses "8192", "32k", "1M" or "1G"; k is 1024. */
bool units_size(const char *word, uint64_t *bytes);
/* Adds "999 B" or "1.2 MB", for people to read; k is 1000. */
void units_add_size(struct buffer *b, uint64_t bytes);

#endif
