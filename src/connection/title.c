#include <unistd.h>

#include "base/clock.h"
#include "connection/title.h"

#define INTERVAL (CLOCK_SECOND / TITLE_RATE)
#define CREDIT ((TITLE_BURST - 1) * INTERVAL)
/* clock_recent is behind by up to a tick of the kernel, 10 ms at 100 Hz. */
#define CLOCK_LAG (10 * CLOCK_MILLISECOND)

/* Changes that long waits have made do not put off the next for longer. */
static void
spend(struct title *t, int64_t now)
{
	if (t->spent < now)
		t->spent = now;
	if (t->spent > now + CREDIT)
		t->spent = now + CREDIT;
	t->spent += INTERVAL;
}

static void
show(struct title *t, int64_t now)
{
	if (t->client != NULL)
		setproctitle("worker %zu (serving %s%s)", t->worker, t->client,
		    t->waits ? ", waiting" : "");
	else
		setproctitle("worker %zu (idle)", t->worker);
	t->shows_idle = t->client == NULL;
	t->shows_wait = t->waits;
	t->due = false;
	spend(t, now);
}

void
title_set(struct title *t, const char *client)
{
	t->client = client;
	t->waits = false;
	t->due = client != NULL || !t->shows_idle;
	title_settle(t, false);
}

void
title_wait(struct title *t, bool waits)
{
	t->waits = waits;
	t->due |= t->waits != t->shows_wait;
	title_settle(t, waits);
}

void
title_settle(struct title *t, bool at_once)
{
	int64_t now;

	if (!t->due)
		return;
	now = clock_recent();
	if (at_once || now >= t->spent - CREDIT)
		show(t, now);
}

int64_t
title_due(const struct title *t)
{
	return t->due ? t->spent - CREDIT + CLOCK_LAG : CLOCK_NEVER;
}
