/*
 * format: numbers of the server's status as text.
 */
#ifndef TINED_STATUS_FORMAT_H
#define TINED_STATUS_FORMAT_H

#include "base/buffer.h"
#include "status/snapshot.h"

/* "250us", "12ms", "3.4s", "5m07s", "2h05m", "3d04h", of nanoseconds. */
void status_add_time(struct buffer *b, int64_t t);
/*
 * The bound of a bucket (histogram.h): "<= 2.5ms", if that is at_most; "over
 * 60s"; "-" for none.
 */
void status_add_bound(struct buffer *b, int64_t bound, const char *at_most);
/* "3.400000": the same as seconds, whatever the locale. */
void status_add_seconds(struct buffer *b, uint64_t nanoseconds);
/* n per second since the server started: "0.25", "12.3", "4567". */
void status_add_rate(
    struct buffer *b, const struct status_snapshot *s, uint64_t n);

#endif
