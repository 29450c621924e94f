#include <signal.h>

#include "base/clock.h"
#include "base/log.h"
#include "master/lot_watch.h"
#include "shared/scoreboard_read.h"

/* How often the master checks a lot without connections on a busy server. */
#define LOOK_TIME (10 * CLOCK_SECOND)
/*
 * A frozen container stops all processes at once.  So the master looks a second
 * time before it believes that only the lot stands still.
 */
#define SECOND_LOOK_TIME CLOCK_SECOND

/* Workers go on without the lot, even if the kernel cannot end it yet. */
static void
lot_watch_end(struct children *all, struct child *lot)
{
	log_error("the lot[%d] has stood still for %g s (--start-timeout): "
		  "killing it",
	    (int)lot->pid,
	    (double)all->inherited->config.start_timeout / CLOCK_SECOND);
	kill(lot->pid, SIGKILL);
	child_table[CHILD_LOT].clear(all->inherited, 0);
}

/*
 * The lot sleeps and holds no connection.  Nothing wakes a master that has
 * given way, so it keeps checking until the lot has ended.
 */
static int64_t
look_at_sleeper(int64_t next, const struct children *all, int64_t now)
{
	struct scoreboard *board = all->inherited->board;

	if (all->new_master.pid != 0)
		return now + LOOK_TIME;
	if (next == CLOCK_NEVER)
		return scoreboard_is_asleep(board) ? CLOCK_NEVER
						   : now + LOOK_TIME;
	if (now < next)
		return next;
	scoreboard_sleep(board);
	return CLOCK_NEVER;
}

int64_t
lot_watch_act(int64_t next, struct children *all)
{
	struct child *lot = child_of(all, CHILD_LOT);
	int64_t now = clock_now();
	int64_t due;

	if (lot->pid == 0 || child_is_starting(all, lot))
		return CLOCK_NEVER;
	due = lot->stopped != 0
	    ? lot->stopped
	    : score_lot_due(all->inherited->board->lot, now);
	if (due == CLOCK_NEVER)
		return look_at_sleeper(next, all, now);
	if (now < due + all->inherited->config.start_timeout)
		return due + all->inherited->config.start_timeout;
	if (lot->hung_since != due) {
		lot->hung_since = due;
		lot->kill_at = now + SECOND_LOOK_TIME;
	}
	if (now < lot->kill_at)
		return lot->kill_at;
	lot_watch_end(all, lot);
	return CLOCK_NEVER;
}
