/*
 * clock: time that only goes forward, in nanoseconds.  A deadline is such a
 * time; CLOCK_NEVER is one that does not come.
 */
#ifndef TINED_BASE_CLOCK_H
#define TINED_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_SECOND INT64_C(1000000000)
#define CLOCK_MILLISECOND INT64_C(1000000)
#define CLOCK_MICROSECOND INT64_C(1000)
#define CLOCK_NEVER INT64_MAX

int64_t clock_now(void);
/* The one of two deadlines that comes first. */
int64_t clock_sooner(int64_t a, int64_t b);
/* For ppoll: how long until the deadline, never negative. */
struct timespec clock_until(int64_t deadline);
/* For epoll_wait: rounded up, so that it has passed then; -1 for none. */
int clock_milliseconds_until(int64_t deadline);
/* For setsockopt(SO_RCVTIMEO): at least a microsecond, as 0 means never. */
struct timeval clock_timeval(int64_t nanoseconds);

#endif
