#include <errno.h>

#include "base/errno_kind.h"
#include "handlers/upstream_dial.h"
#include "tined.h"

static bool
upstream_dial_take_turn(struct upstream_dial *d, struct upstream_server *next)
{
	if (next == NULL)
		return false;
	d->server = next;
	d->addresses_tried = 0;
	d->born = 0;
	return true;
}

void
upstream_dial_begin(struct upstream_dial *d, struct upstream_pool *pool)
{
	*d = (struct upstream_dial){.pool = pool};
	upstream_pool_begin(pool);
	(void)upstream_dial_take_turn(
	    d, upstream_pool_choose(pool, clock_now()));
}

int
upstream_dial_connect(struct upstream_dial *d)
{
	if (d->born == 0)
		d->born = clock_now();
	return upstream_server_connect(d->server);
}

void
upstream_dial_blame(const struct upstream_dial *d, const char *why)
{
	int64_t absence = upstream_server_fail(d->server, clock_now());

	if (d->pool->count > 1)
		tined_log(NULL, TINED_WARNING,
		    "upstream %s: %s; this worker leaves it out for %lld s",
		    d->server->name, why, (long long)(absence / CLOCK_SECOND));
}

/*
 * Nothing tells when the queue of a Unix socket is not full any more: so those
 * with such queues take turns once all servers were tried.
 */
static enum upstream_dial_next
next_server(struct upstream_dial *d)
{
	if (!d->all_tried &&
	    upstream_dial_take_turn(
		d, upstream_pool_choose(d->pool, clock_now())))
		return UPSTREAM_DIAL_NOW;
	d->all_tried = true;
	if (upstream_dial_take_turn(d, upstream_pool_choose_busy(d->pool)))
		return UPSTREAM_DIAL_LATER;
	return UPSTREAM_DIAL_NEVER;
}

static enum upstream_dial_next
find_busy(struct upstream_dial *d)
{
	const int64_t now = clock_now();

	if (d->busy_since == 0)
		d->busy_since = now;
	upstream_pool_note_busy(d->pool, d->server, true);
	if (now - d->busy_since < d->pool->limits.connect)
		return next_server(d);
	upstream_dial_blame(d, "its queue is full");
	return UPSTREAM_DIAL_NEVER;
}

enum upstream_dial_next
upstream_dial_fail(struct upstream_dial *d, int error, const char *why)
{
	if (errno_is_shortage(error))
		return UPSTREAM_DIAL_NEVER;
	if (error == EAGAIN)
		return find_busy(d);
	upstream_pool_note_busy(d->pool, d->server, false);
	if (upstream_server_next_address(d->server, &d->addresses_tried)) {
		d->born = 0;
		return UPSTREAM_DIAL_NOW;
	}
	upstream_dial_blame(d, why);
	return next_server(d);
}
