/*
 * A module for the laboratory: a stream of events that are flushed one by one.
 *
 *	tined --mount /events=module:build/lab/events.so
 *	GET /events/COUNT/MICROSECONDS/BYTES
 *
 * An event of 20 bytes or more begins with the time of its flush, seconds with six
 * decimals.  Without a time between them the events are declared in a
 * Content-Length; else they are chunks.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <tined.h>

#define BYTES_MAX 4096
#define STAMP 20
#define SECOND 1000000000L

struct events {
	unsigned count, pause, bytes;
};

static bool
take_path(const struct tined_exchange *x, struct events *e)
{
	struct tined_text path = tined_path_below(x);
	char copy[64];

	if (path.len >= sizeof(copy))
		return false;
	memcpy(copy, path.at, path.len);
	copy[path.len] = '\0';
	return sscanf(copy, "/%u/%u/%u", &e->count, &e->pause, &e->bytes) ==
	    3 &&
	    e->bytes > 0 && e->bytes <= BYTES_MAX;
}

static void
make_event(char *event, size_t length)
{
	struct timespec t;
	char stamp[32];

	memset(event, '*', length);
	event[length - 1] = '\n';
	if (length < STAMP)
		return;
	clock_gettime(CLOCK_REALTIME, &t);
	snprintf(stamp, sizeof(stamp), "%010ld.%06ld ", (long)t.tv_sec,
	    t.tv_nsec / 1000);
	memcpy(event, stamp, 18);
}

/* Steps of the clock, so that what a flush takes makes no event later. */
static void
step(struct timespec *next, unsigned microseconds)
{
	if (microseconds == 0)
		return;
	next->tv_nsec += 1000L * microseconds;
	while (next->tv_nsec >= SECOND) {
		next->tv_nsec -= SECOND;
		next->tv_sec++;
	}
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL);
}

static void
events_serve(void *state, struct tined_exchange *x)
{
	char event[BYTES_MAX];
	struct timespec next;
	struct events e;

	(void)state;
	if (!take_path(x, &e)) {
		tined_error(x, 404);
		return;
	}
	if (e.pause == 0)
		tined_declare_length(x, (uint64_t)e.count * e.bytes);
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (unsigned i = 0; i < e.count; i++) {
		make_event(event, e.bytes);
		if (tined_write(x, event, e.bytes) == -1 ||
		    tined_flush(x) == -1)
			return;
		step(&next, e.pause);
	}
}

const struct tined_module tined_module = {
    TINED_MODULE_VERSION,
    .name = "events",
    .serve = events_serve,
};
