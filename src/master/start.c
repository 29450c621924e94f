#include "base/clock.h"
#include "base/log.h"
#include "master/start.h"
#include "master/takeover.h"

/* How long the first worker, and then another, may take to start. */
#define READY_TIME (5 * CLOCK_SECOND)

void
start_begin(struct start *s, const struct config *c)
{
	s->deadline = clock_now() + READY_TIME;
	s->limit = s->deadline + 2 * c->start_timeout;
}

bool
start_is_new(struct start *s, struct children *all)
{
	if (!wakeup_take(&all->inherited->started))
		return false;
	s->worker = true;
	restart_note_ready(&all->restart);
	return true;
}

/*
 * A process that starts may take --start-timeout before it is killed.  Its
 * replacement may take as long, but not one after another without end.  A
 * worker that has received the test request gets time to respond.
 */
static bool
start_is_over(struct start *s, const struct children *all)
{
	int64_t now = clock_now();
	int64_t until = clock_sooner(child_starting_until(all), s->limit);
	int64_t asked = takeover_asked();

	if (now < s->deadline)
		return false;
	if (asked != 0 && asked + READY_TIME > until)
		until = asked + READY_TIME;
	if (until > now)
		s->deadline = until;
	return until <= now;
}

/*
 * Workers that serve before the lot has started keep their clients, and no
 * worker might be free for the next one.  Does not wait for a lot that cannot
 * start.
 */
static bool
start_is_complete(const struct start *s, const struct children *all)
{
	return s->worker &&
	    (takeover_is_promised() ||
		!child_is_starting(all, child_of(all, CHILD_LOT)));
}

enum start_event
start_act(struct start *s, const struct children *all, bool stopping)
{
	if (s->ready)
		return START_GOES_ON;
	if (start_is_complete(s, all) &&
	    (!takeover_is_waiting() || takeover_act(all->inherited))) {
		s->ready = true;
		return START_DONE;
	}
	if (takeover_is_promised()) {
		s->deadline = CLOCK_NEVER;
	} else if (!stopping && start_is_over(s, all)) {
		log_error("%s: giving up; the lines before show the reason "
			  "(--start-timeout)",
		    s->worker ? "no worker has responded to the test request"
			      : "no worker could be started");
		s->failed = true;
		return START_FAILED;
	}
	return START_GOES_ON;
}

int64_t
start_next(const struct start *s)
{
	return s->worker && !s->ready ? takeover_next() : CLOCK_NEVER;
}
