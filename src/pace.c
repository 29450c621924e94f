#include "clock.h"
#include "pace.h"

void
pace_start(struct pace *p, int64_t window)
{
	p->window = window;
	p->ends = clock_now() + window;
	p->moved = 0;
}

uint64_t
pace_quota(int64_t window)
{
	return (uint64_t)(window / CLOCK_MILLISECOND) * PACE_BYTES_PER_SECOND /
	    1000;
}

void
pace_add(struct pace *p, size_t bytes)
{
	p->moved += bytes;
	if (p->moved >= pace_quota(p->window))
		pace_start(p, p->window);
}

bool
pace_is_over(const struct pace *p)
{
	return clock_now() >= p->ends;
}
