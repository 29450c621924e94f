#include <signal.h>

#include "clock.h"
#include "log.h"
#include "relog.h"
#include "reopen.h"

/* How often who has not switched is looked for. */
#define REOPEN_TICK (10 * CLOCK_MILLISECOND)
/* Who takes longer is named. */
#define REOPEN_PATIENCE (2 * CLOCK_SECOND)

/* True when it has switched, or is gone. */
static bool
has_switched(const struct children *all, const struct child *child,
    const atomic_uint *seen, bool name_it)
{
	if (child->pid == 0 || atomic_load(seen) == all->heritage->logs)
		return true;
	kill(child->pid, SIGHUP);
	if (name_it && child == &all->lot)
		log_warning("the lot[%d] still writes to the old logs",
		    (int)child->pid);
	else if (name_it)
		log_warning("worker %zu[%d] still writes to the old logs",
		    (size_t)(child - all->at) + 1, (int)child->pid);
	return false;
}

void
reopen_act(struct reopen *r, const struct children *all)
{
	const struct scoreboard *board = all->heritage->board;
	bool late =
	    r->pending && !r->told && clock_now() - r->began > REOPEN_PATIENCE;
	bool done;

	if (!r->pending)
		return;
	done = has_switched(all, &all->lot, &board->lot.logs, late);
	for (size_t i = 0; i < all->count; i++)
		done &=
		    has_switched(all, &all->at[i], &board->slots[i].logs, late);
	r->told |= late;
	if (done && !r->failed)
		log_notice("logs are reopened");
	r->pending = !done;
}

void
reopen_begin(struct reopen *r, const struct children *all)
{
	*r = (struct reopen){
	    .pending = true,
	    .failed = relog_open(all->heritage) == -1,
	    .began = clock_now(),
	};
	reopen_act(r, all);
}

int64_t
reopen_next(const struct reopen *r)
{
	return r->pending ? clock_now() + REOPEN_TICK : CLOCK_NEVER;
}
