#include <signal.h>

#include "hang.h"
#include "signals.h"

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Its worker ends itself, and knows best whether it hangs. */
static int64_t
tell(struct child *child, int64_t since, int64_t now)
{
	child->hung = since;
	child->kill_at = now + HANG_PATIENCE;
	kill(child->pid, SIGNAL_TIMED_OUT);
	return child->kill_at;
}

static int64_t
kill_or_wait(struct child *child, int64_t now)
{
	if (now < child->kill_at)
		return child->kill_at;
	kill(child->pid, SIGKILL);
	child->kill_at = CLOCK_NEVER; /* once is enough */
	return CLOCK_NEVER;
}

static int64_t
check(struct child *child, const struct score *score, int64_t timeout)
{
	int64_t now = clock_now();
	int64_t since = score_running_since(score);

	if (child->hung != 0 && child->hung == since)
		return kill_or_wait(child, now);
	child->hung = 0;
	if (since == CLOCK_NEVER)
		return CLOCK_NEVER;
	if (since + timeout > now)
		return since + timeout;
	return tell(child, since, now);
}

int64_t
hang_check(struct children *all)
{
	int64_t timeout = all->heritage->config.request_timeout;
	int64_t next = clock_now() + timeout;

	if (timeout == 0)
		return CLOCK_NEVER;
	for (size_t i = 0; i < all->count; i++) {
		struct child *child = &all->at[i];

		if (child->pid != 0)
			next = earlier(next,
			    check(child,
				scoreboard_slot(all->heritage->board, i),
				timeout));
	}
	return next;
}
