#include "base/clock.h"
#include "master/drain.h"

/* Nobody has waited to be accepted for so long, and is looked for so often. */
#define QUIET_TIME (100 * CLOCK_MILLISECOND)
#define QUIET_TICK (20 * CLOCK_MILLISECOND)
/* A handshake that has lost no packet is over by then, or its client silent. */
#define HANDSHAKE_TIME CLOCK_SECOND

void
drain_begin(struct drain *d, int64_t began, bool refuses)
{
	*d = (struct drain){
	    .pending = true,
	    .began = began,
	    .refuses = refuses,
	    .quiet_since = clock_now(),
	};
}

/* Handshakes first: a client that completes its own in between waits then. */
static bool
may_anybody_come(const struct drain *d, const struct listeners *all)
{
	return (clock_now() - d->began < HANDSHAKE_TIME &&
		   listener_is_greeting(all)) ||
	    listener_has_waiting(all);
}

bool
drain_is_done(struct drain *d, const struct listeners *all)
{
	if (!d->pending)
		return false;
	if (!d->refuses && clock_now() - d->began >= HANDSHAKE_TIME) {
		d->pending = false;
		return true;
	}
	if (listener_has_waiting(all))
		d->quiet_since = clock_now();
	if (clock_now() - d->quiet_since < QUIET_TIME)
		return false;
	if (may_anybody_come(d, all)) {
		d->quiet_since = clock_now();
		return false;
	}
	d->pending = false;
	return true;
}

int64_t
drain_next(const struct drain *d)
{
	return d->pending ? clock_now() + QUIET_TICK : CLOCK_NEVER;
}
