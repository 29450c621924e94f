/*
 * clock: monotonic time in nanoseconds.  A deadline is a point in that time;
 * CLOCK_NEVER is a deadline that never passes.
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
/* The time at the last tick of the kernel, up to 10 ms ago; cheaper. */
int64_t clock_recent(void);
/* Returns the earlier of two deadlines. */
int64_t clock_sooner(int64_t a, int64_t b);
/* Returns the time until the deadline, for ppoll; never negative. */
struct timespec clock_until(int64_t deadline);
/*
 * The same for epoll_wait: rounded up, so that the deadline has passed after
 * the wait; -1 for CLOCK_NEVER.
 */
int clock_milliseconds_until(int64_t deadline);
/* For SO_RCVTIMEO: at least a microsecond, because 0 means no timeout. */
struct timeval clock_timeval(int64_t nanoseconds);

#endif
