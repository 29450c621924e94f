#include <stdbool.h>

#include "master/pool.h"

static int
lesser(int a, int b)
{
	return a < b ? a : b;
}

static int
greater(int a, int b)
{
	return a > b ? a : b;
}

int
pool_wanted_idle(const struct pool_limits *limits)
{
	/* The master also watches a fixed pool, to log when clients wait. */
	return limits->min < limits->max ? greater(limits->spare_min, 1) : 1;
}

/* Counts the workers that waiting clients and spare workers need. */
static int
pool_count_missing(
    const struct pool_limits *limits, const struct pool_counts *c)
{
	int spares = limits->spare_min - c->available;

	if (spares <= 0)
		return 0;
	return lesser(spares + c->waiting, limits->max - c->running);
}

/* Each step starts twice as many as the one before, if that was not enough. */
static int
pool_grow(const struct pool_limits *limits, const struct pool_counts *c,
    struct pool_history *h, int64_t now)
{
	int missing = pool_count_missing(limits, c);
	int step;

	if (now < h->next_step)
		return 0;
	if (missing <= 0) {
		h->rate = 0;
		return 0;
	}
	h->rate = lesser(greater(1, 2 * h->rate), POOL_RATE_MAX);
	step = lesser(missing, h->rate);
	h->next_step = now + POOL_STEP;
	return step;
}

/*
 * Keeps the minimum of available during a period.  True at its end, with the
 * minimum in *least.
 */
static bool
has_passed(int64_t *ends, int *least, int available, int64_t time, int64_t now,
    int *result)
{
	bool over = *ends != 0 && now >= *ends;

	*least = *ends == 0 ? available : lesser(*least, available);
	*result = *least;
	if (over)
		*least = available;
	if (over || *ends == 0)
		*ends = now + time;
	return over;
}

static int
shrink(const struct pool_limits *limits, const struct pool_counts *c,
    struct pool_history *h, int64_t now)
{
	int least, surplus = 0;

	if (has_passed(&h->shrinks, &h->least, c->available, POOL_SHRINK_TIME,
		now, &least))
		surplus = greater(least - limits->spare_max, 0);
	if (has_passed(&h->quiet_ends, &h->least_of_quiet, c->available,
		POOL_QUIET_TIME, now, &least))
		surplus = greater(surplus, least - limits->spare_min);
	if (surplus <= 0)
		return 0;
	surplus = (surplus + POOL_SHRINK_PART - 1) / POOL_SHRINK_PART;
	return lesser(surplus, c->running - limits->min);
}

/* An idle server sleeps; workers wake the master when it is to look. */
static int64_t
pool_next_look(const struct pool_limits *limits, const struct pool_counts *c,
    struct pool_history *h, int64_t now)
{
	if (c->idle < pool_wanted_idle(limits)) {
		h->look = h->rate > 0 ? POOL_STEP : 2 * h->look;
		if (h->look < POOL_STEP)
			h->look = POOL_STEP;
		if (h->look > POOL_LOOK_MAX)
			h->look = POOL_LOOK_MAX;
		return now + h->look;
	}
	h->look = 0;
	if (h->rate > 0)
		return now + POOL_STEP;
	return c->running > limits->min ? now + POOL_GLANCE : CLOCK_NEVER;
}

struct pool_plan
pool_plan(const struct pool_limits *limits, const struct pool_counts *counts,
    struct pool_history *h, int64_t now)
{
	struct pool_plan plan = {0};

	if (counts->running < limits->min)
		plan.spawn = limits->min - counts->running;
	else if (counts->running > limits->max)
		plan.retire = counts->running - limits->max;
	else
		plan.spawn = pool_grow(limits, counts, h, now);
	if (counts->running <= limits->min)
		h->shrinks = h->quiet_ends = 0; /* the periods begin again */
	else if (plan.spawn == 0 && plan.retire == 0)
		plan.retire = shrink(limits, counts, h, now);
	plan.next = pool_next_look(limits, counts, h, now);
	return plan;
}
