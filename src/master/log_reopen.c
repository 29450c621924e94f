#include "base/clock.h"
#include "base/log.h"
#include "master/log_reopen.h"
#include "os/signals.h"
#include "process/log_follow.h"

/*
 * How often the master checks which processes have not switched to the new log.
 */
#define LOG_REOPEN_TICK (10 * CLOCK_MILLISECOND)
/*
 * The longest pause between two signals to a process that does not run.  The
 * pauses grow, because signals to it queue up.
 */
#define LOG_REOPEN_PAUSE_MAX CLOCK_SECOND
/* The log names a process that takes longer. */
#define LOG_REOPEN_PATIENCE (2 * CLOCK_SECOND)

static void
name_it(const struct children *all, const struct child *child)
{
	if (child->kind == CHILD_WORKER)
		log_warning("worker %zu[%d] still writes to the old logs",
		    child_slot(all, child) + 1, (int)child->pid);
	else
		log_warning("the %s[%d] still writes to the old logs",
		    child_table[child->kind].name, (int)child->pid);
}

/* True if the process has switched, has ended, or writes no logs. */
static bool
has_switched(const struct children *all, const struct child *child)
{
	const struct inherited *h = all->inherited;
	const struct child_row *row = &child_table[child->kind];

	return child->pid == 0 || row->has_followed == NULL ||
	    row->has_followed(h, child_slot(all, child));
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
	bool late = r->pending && !r->logged &&
	    clock_now() - r->began > LOG_REOPEN_PATIENCE;
	bool remind, done = true;

	if (!r->pending)
		return;
	remind = is_time_to_remind(r);
	if (remind)
		log_follow_post_again(all->inherited);
	for (size_t i = 0; i < all->total; i++) {
		const struct child *child = &all->at[i];

		if (has_switched(all, child))
			continue;
		done = false;
		if (remind)
			kill(child->pid, SIGNAL_LOGS);
		if (late)
			name_it(all, child);
	}
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
