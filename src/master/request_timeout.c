#include <signal.h>

#include "base/log.h"
#include "master/request_timeout.h"
#include "os/signals.h"
#include "shared/scoreboard_read.h"

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Tells the worker, which knows best whether it hangs, to end itself. */
static int64_t
request_timeout_tell(struct child *child, int64_t since, int64_t now)
{
	child->hung_since = since;
	child->kill_at = now + REQUEST_TIMEOUT_PATIENCE;
	kill(child->pid, SIGNAL_TIMED_OUT);
	return child->kill_at;
}

static int64_t
kill_or_wait(struct child *child, int64_t now)
{
	if (now < child->kill_at)
		return child->kill_at;
	kill(child->pid, SIGKILL);
	child->kill_at = CLOCK_NEVER; /* one SIGKILL is enough */
	return CLOCK_NEVER;
}

/*
 * Returns when the worker began its present task, and in *timeout how long the
 * task may take.
 */
static int64_t
since_when(const struct child *child, const struct score *score,
    const struct config *c, int64_t *timeout)
{
	if (score_state(score) == SCORE_STARTING) {
		*timeout = c->start_timeout;
		return child->started;
	}
	*timeout = config_handler_limit(c, score_streams(score));
	return *timeout != 0 ? score_running_since(score) : CLOCK_NEVER;
}

static int64_t
check(struct child *child, const struct score *score, const struct config *c)
{
	int64_t now = clock_now();
	int64_t timeout;
	int64_t since = since_when(child, score, c, &timeout);

	if (child->hung_since != 0 && child->hung_since == since)
		return kill_or_wait(child, now);
	child->hung_since = 0;
	if (since == CLOCK_NEVER)
		return CLOCK_NEVER;
	if (since + timeout > now)
		return since + timeout;
	child->start_timed_out = score_state(score) == SCORE_STARTING;
	return request_timeout_tell(child, since, now);
}

/*
 * The lot has no requests; lot_watch.h checks it once it has started.  A lot
 * that was killed counts as starting until the kernel has ended it.
 */
static int64_t
check_lot(const struct children *all)
{
	struct child *lot = child_of(all, CHILD_LOT);
	int64_t timeout = all->inherited->config.start_timeout;

	if (!child_is_starting(all, lot) || lot->hung_since != 0)
		return CLOCK_NEVER;
	if (lot->started + timeout > clock_now())
		return lot->started + timeout;
	log_error("the lot[%d] has not started within %g s (--start-timeout): "
		  "killing it",
	    (int)lot->pid, (double)timeout / CLOCK_SECOND);
	kill(lot->pid, SIGKILL);
	lot->hung_since = lot->started;
	return CLOCK_NEVER;
}

/* When what begins now may time out. */
static int64_t
end_of(int64_t limit)
{
	return limit != 0 ? clock_now() + limit : CLOCK_NEVER;
}

int64_t
request_timeout_check(struct children *all)
{
	const struct config *c = &all->inherited->config;
	int64_t next = check_lot(all);

	next = earlier(next, end_of(c->request_timeout));
	next = earlier(next, end_of(c->stream_timeout));
	for (size_t i = 0; i < all->count; i++) {
		struct child *child = &all->at[i];

		if (child->pid != 0)
			next = earlier(next,
			    check(child,
				scoreboard_slot(all->inherited->board, i), c));
	}
	return next;
}
