#include "clock.h"
#include "log.h"
#include "relog.h"
#include "reopen.h"
#include "signals.h"

/* How often who has not switched is looked for. */
#define REOPEN_TICK (10 * CLOCK_MILLISECOND)
/* Signals queue in a process that stands still: it gets fewer and fewer. */
#define REOPEN_PAUSE_MAX CLOCK_SECOND
/* Who takes longer is named. */
#define REOPEN_PATIENCE (2 * CLOCK_SECOND)

/* True when it has switched, or is gone. */
static bool
has_switched(const struct children *all, const struct child *child,
    const atomic_uint *seen, bool remind, bool name_it)
{
	if (child->pid == 0 || atomic_load(seen) == all->heritage->logs)
		return true;
	if (remind)
		kill(child->pid, SIGNAL_LOGS);
	if (name_it && child == &all->lot)
		log_warning("the lot[%d] still writes to the old logs",
		    (int)child->pid);
	else if (name_it)
		log_warning("worker %zu[%d] still writes to the old logs",
		    (size_t)(child - all->at) + 1, (int)child->pid);
	return false;
}

static bool
is_time_to_remind(struct reopen *r)
{
	if (clock_now() < r->remind)
		return false;
	r->remind = clock_now() + r->pause;
	if (r->pause < REOPEN_PAUSE_MAX)
		r->pause *= 2;
	return true;
}

void
reopen_act(struct reopen *r, const struct children *all)
{
	const struct scoreboard *board = all->heritage->board;
	bool late =
	    r->pending && !r->told && clock_now() - r->began > REOPEN_PATIENCE;
	bool remind, done;

	if (!r->pending)
		return;
	remind = is_time_to_remind(r);
	done = has_switched(all, &all->lot, &board->lot->logs, remind, late);
	for (size_t i = 0; i < all->count; i++)
		done &= has_switched(all, &all->at[i],
		    &scoreboard_slot(board, i)->logs, remind, late);
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
	    .pause = REOPEN_TICK,
	};
	reopen_act(r, all);
}

int64_t
reopen_next(const struct reopen *r)
{
	return r->pending ? clock_now() + REOPEN_TICK : CLOCK_NEVER;
}
