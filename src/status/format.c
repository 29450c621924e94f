#include <inttypes.h>

#include "base/clock.h"
#include "base/histogram.h"
#include "status/format.h"

#define MICROSECOND INT64_C(1000)
#define MINUTE (60 * CLOCK_SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static void
add_two(struct buffer *b, int64_t t, int64_t unit, char name, int64_t next,
    char next_name)
{
	buffer_printf(b, "%lld%c%02lld%c", (long long)(t / unit), name,
	    (long long)(t % unit / next), next_name);
}

void
status_add_time(struct buffer *b, int64_t t)
{
	if (t < CLOCK_MILLISECOND)
		buffer_printf(b, "%lldus", (long long)(t / MICROSECOND));
	else if (t < CLOCK_SECOND)
		buffer_printf(b, "%lldms", (long long)(t / CLOCK_MILLISECOND));
	else if (t < MINUTE)
		buffer_printf(b, "%lld.%llds", (long long)(t / CLOCK_SECOND),
		    (long long)(t % CLOCK_SECOND / (CLOCK_SECOND / 10)));
	else if (t < HOUR)
		add_two(b, t, MINUTE, 'm', CLOCK_SECOND, 's');
	else if (t < DAY)
		add_two(b, t, HOUR, 'h', MINUTE, 'm');
	else
		add_two(b, t, DAY, 'd', HOUR, 'h');
}

void
status_add_bound(struct buffer *b, int64_t bound, const char *at_most)
{
	if (bound == 0) {
		buffer_add_char(b, '-');
		return;
	}
	if (bound == CLOCK_NEVER) {
		buffer_add_string(b, "over ");
		bound = histogram_bound(HISTOGRAM_BUCKETS - 2);
	} else {
		buffer_add_string(b, at_most);
	}
	if (bound % CLOCK_SECOND == 0)
		buffer_printf(b, "%llds", (long long)(bound / CLOCK_SECOND));
	else if (bound > CLOCK_SECOND)
		buffer_printf(b, "%gs", (double)bound / CLOCK_SECOND);
	else if (bound >= CLOCK_MILLISECOND)
		buffer_printf(b, "%gms", (double)bound / CLOCK_MILLISECOND);
	else
		buffer_printf(b, "%lldus", (long long)(bound / MICROSECOND));
}

void
status_add_seconds(struct buffer *b, uint64_t nanoseconds)
{
	buffer_printf(b, "%" PRIu64 ".%06" PRIu64, nanoseconds / CLOCK_SECOND,
	    nanoseconds % CLOCK_SECOND / MICROSECOND);
}

void
status_add_rate(struct buffer *b, const struct status_snapshot *s, uint64_t n)
{
	double seconds = (double)s->uptime / CLOCK_SECOND;
	double rate = s->uptime > 0 ? (double)n / seconds : 0;

	buffer_printf(b, "%.*f", rate < 1 ? 2 : rate < 100 ? 1 : 0, rate);
}
