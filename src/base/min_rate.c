#include "base/clock.h"
#include "base/min_rate.h"

void
min_rate_start(struct min_rate *p, int64_t window)
{
	p->window = window;
	p->ends = clock_now() + window;
	p->moved = 0;
}

uint64_t
min_rate_quota(int64_t window)
{
	return (uint64_t)(window / CLOCK_MILLISECOND) *
	    MIN_RATE_BYTES_PER_SECOND / 1000;
}

void
min_rate_add(struct min_rate *p, size_t bytes)
{
	p->moved += bytes;
	if (p->moved >= min_rate_quota(p->window))
		min_rate_start(p, p->window);
}

bool
min_rate_is_over(const struct min_rate *p)
{
	return clock_now() >= p->ends;
}
