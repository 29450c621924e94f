#include <poll.h>
#include <stddef.h>

#include "connection/others.h"
#include "shared/scoreboard_read.h"

/* How often to try again to let go of those whom the lot did not take. */
#define OTHERS_AGAIN (20 * CLOCK_MILLISECOND)

void
others_begin(struct others *o, bool are_kept)
{
	if (o == NULL)
		return;
	o->are_kept = are_kept;
	o->is_passed_on = false;
	o->began = 0;
	o->has_let_go = false;
}

/* One that follows another soon is no exception. */
static void
others_pause(struct others *o, int64_t now)
{
	int64_t pause = OTHERS_PAUSE * (now - o->began);

	if (now < o->pause_until + o->pause)
		pause += 2 * o->pause;
	o->pause = clock_sooner(pause, OTHERS_PAUSE_MAX);
	o->pause_until = now + o->pause;
}

void
others_end_request(struct others *o)
{
	if (o == NULL)
		return;
	if (o->has_let_go && o->is_passed_on)
		others_pause(o, clock_now());
	o->is_passed_on = false;
	o->began = 0;
	o->has_let_go = false;
}

bool
others_may_be_kept(const struct others *o)
{
	return o->pause_until == 0 || clock_now() >= o->pause_until;
}

static bool
others_wait_along(const struct others *o)
{
	return others_are_kept(o) && o->began != 0;
}

int64_t
others_deadline(struct others *o, int64_t deadline)
{
	int64_t now;

	if (o == NULL)
		return deadline;
	now = clock_now();
	if (o->began == 0 && deadline > now) {
		o->began = now;
		o->until = now + OTHERS_PATIENCE;
	}
	return others_wait_along(o) ? clock_sooner(o->until, deadline)
				    : deadline;
}

static void
others_let_go(struct others *o)
{
	o->let_go(o->keeper);
	o->has_let_go = true;
	o->until = clock_now() + OTHERS_AGAIN;
}

/* As long as nobody else is idle, they would only wait elsewhere. */
static bool
others_is_over(struct others *o)
{
	int64_t now = clock_now();

	if (now < o->until)
		return false;
	if (o->has_let_go || now - o->began >= OTHERS_LONGEST ||
	    scoreboard_has_idle(o->board))
		return true;
	o->until = now + OTHERS_PATIENCE;
	return false;
}

void
others_pass_on(struct others *o)
{
	if (o != NULL)
		o->is_passed_on = true;
}

void
others_end_wait(struct others *o)
{
	if (others_wait_along(o) && others_is_over(o))
		others_let_go(o);
}

/* A signal may tell that the worker is to end: then it does not wait again. */
bool
others_wait(struct others *o, int fd, short events, int64_t deadline)
{
	struct pollfd wait = {.fd = fd, .events = events};
	int n = 0;

	(void)others_deadline(o, deadline);
	while (others_wait_along(o) && n == 0 && clock_now() < deadline) {
		if (others_is_over(o)) {
			others_let_go(o);
			return false;
		}
		n = poll(&wait, 1,
		    clock_milliseconds_until(clock_sooner(o->until, deadline)));
	}
	if (n == -1)
		others_let_go(o);
	return n == 1;
}
