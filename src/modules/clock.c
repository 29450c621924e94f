/*
 * clock: an example of a module that streams: server-sent events (WHATWG HTML,
 * 9.2), one a second, until the client goes or the server stops:
 *
 *	tined --mount /clock=module:clock.so
 *	curl -N http://localhost:8080/clock
 *
 * A worker can do nothing else in the meantime: start as many as there are to be
 * clients, and a few more.
 */
#include <time.h>

#include <tined.h>

#define SECOND 1000

static int
send_time(struct tined_exchange *x, time_t now)
{
	char line[64];
	size_t len = strftime(
	    line, sizeof(line), "data: %Y-%m-%dT%H:%M:%SZ\n\n", gmtime(&now));

	return tined_write(x, line, len) == -1 ? -1 : tined_flush(x);
}

/* False when nobody waits for the next event. */
static bool
wait_a_second(struct tined_exchange *x)
{
	unsigned events = TINED_CLIENT_GONE | TINED_STOPPING;
	struct timespec now;
	int rest;

	clock_gettime(CLOCK_REALTIME, &now);
	rest = SECOND - (int)(now.tv_nsec / 1000000);
	return tined_wait(x, NULL, 0, rest, &events) != -1 && events == 0;
}

static void
clock_serve(void *state, struct tined_exchange *x)
{
	(void)state;
	tined_add_field(
	    x, TINED_TEXT("Content-Type"), TINED_TEXT("text/event-stream"));
	tined_add_field(x, TINED_TEXT("Cache-Control"), TINED_TEXT("no-store"));
	while (send_time(x, time(NULL)) == 0 && wait_a_second(x))
		continue;
}

const struct tined_module tined_module = {
    TINED_MODULE_VERSION,
    .name = "clock",
    .serve = clock_serve,
};
