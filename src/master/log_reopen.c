#include "base/clock.h"
#include "base/log.h"
#include "master/log_reopen.h"
#include "os/signals.h"
#include "process/log_follow.h"

/* How often who has not switched is looked for. */
#define LOG_REOPEN_TICK (10 * CLOCK_MILLISECOND)
/* Signals queue in a process that stands still: it gets fewer and fewer. */
#define LOG_REOPEN_PAUSE_MAX CLOCK_SECOND
/* Who takes longer is named. */
#define LOG_REOPEN_PATIENCE (2 * CLOCK_SECOND)

/* True when it has switched, or is gone. */
static bool
has_switched(const struct children *all, const struct child *child,
    const atomic_uint *seen, bool remind, bool name_it)
{
	if (child->pid == 0 || atomic_load(seen) == all->inherited->logs)
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
is_time_to_remind(struct log_reopen *r)
{
	if (clock_now() < r->remind)
		return false;
	r->remind = clock_now() + r->pause;
	if (r->pause < LOG_REOPEN_PAUSE_MAX)
		r->pause *= 2;
	return true;
}

void
log_reopen_act(struct log_reopen *r, const struct children *all)
{
	const struct scoreboard *board = all->inherited->board;
	bool late = r->pending && !r->logged &&
	    clock_now() - r->began > LOG_REOPEN_PATIENCE;
	bool remind, done;

	if (!r->pending)
		return;
	remind = is_time_to_remind(r);
	done = has_switched(all, &all->lot, &board->lot->logs, remind, late);
	for (size_t i = 0; i < all->count; i++)
		done &= has_switched(all, &all->at[i],
		    &scoreboard_slot(board, i)->logs, remind, late);
	r->logged |= late;
	if (done && !r->failed)
		log_notice("logs are reopened");
	r->pending = !done;
}

void
log_reopen_begin(struct log_reopen *r, const struct children *all)
{
	*r = (struct log_reopen){
	    .pending = true,
	    .failed = log_follow_open(all->inherited) == -1,
	    .began = clock_now(),
	    .pause = LOG_REOPEN_TICK,
	};
	log_reopen_act(r, all);
}

int64_t
log_reopen_next(const struct log_reopen *r)
{
	return r->pending ? clock_now() + LOG_REOPEN_TICK : CLOCK_NEVER;
}
