#include <sys/time.h>

#include <limits.h>

#include "base/clock.h"

static int64_t
clock_read(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * CLOCK_SECOND + now.tv_nsec;
}

int64_t
clock_now(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

int64_t
clock_recent(void)
{
	return clock_read(CLOCK_MONOTONIC_COARSE);
}

int64_t
clock_sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

struct timespec
clock_until(int64_t deadline)
{
	int64_t left = deadline - clock_now();

	if (left < 0)
		left = 0;
	return (struct timespec){left / CLOCK_SECOND, left % CLOCK_SECOND};
}

int
clock_milliseconds_until(int64_t deadline)
{
	int64_t left = deadline - clock_now();

	if (deadline == CLOCK_NEVER)
		return -1;
	if (left <= 0)
		return 0;
	left = (left + CLOCK_MILLISECOND - 1) / CLOCK_MILLISECOND;
	return left < INT_MAX ? (int)left : INT_MAX;
}

struct timeval
clock_timeval(int64_t nanoseconds)
{
	int64_t us = nanoseconds / 1000;

	if (us < 1)
		us = 1;
	return (struct timeval){us / 1000000, us % 1000000};
}
