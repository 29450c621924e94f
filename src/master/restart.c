#include "base/clock.h"
#include "base/log.h"
#include "master/restart.h"

void
restart_note_death(struct restart *r, int64_t now)
{
	const int64_t cost = CLOCK_SECOND / RESTART_PER_SECOND;
	int64_t pause;

	if (r->paid_until <= now) {
		r->paid_until = now;
		r->storm = false;
	}
	r->paid_until += cost;
	pause = r->paid_until - RESTART_AT_ONCE * cost;
	if (pause > r->not_before)
		r->not_before = pause;
	if (r->storm || pause <= now)
		return;
	r->storm = true;
	log_warning("many workers die: at most %d per second are replaced",
	    RESTART_PER_SECOND);
}

static bool
is_power_of_two(unsigned n)
{
	return (n & (n - 1)) == 0;
}

bool
restart_should_log(const struct restart *r)
{
	return is_power_of_two(r->failures + 1);
}

void
restart_note_failure(struct restart *r, int64_t until)
{
	r->proven = false;
	r->failures++;
	r->not_before = until;
	if (r->failures > 1 && is_power_of_two(r->failures))
		log_error(
		    "%u workers in a row have failed to start", r->failures);
}

void
restart_note_ready(struct restart *r)
{
	if (r->failures > 0)
		log_notice(
		    "workers start again, after %u have failed", r->failures);
	r->failures = 0;
	r->proven = true;
}
