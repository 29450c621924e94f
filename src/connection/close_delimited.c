#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <errno.h>
#include <poll.h>

#include "base/clock.h"
#include "connection/close_delimited.h"
#include "net/reset.h"

/* For a channel to the lot that is full. */
#define CHANNEL_PATIENCE CLOCK_SECOND
/* How often to look at what the client has acknowledged. */
#define SETTLE_TICK_MS 2

static int
ask_lot(const struct connection *c, bool resets)
{
	const struct handoff h = {
	    .kind = HANDOFF_RESETS, .resets = resets, .peer = c->peer};

	return channel_send(c->service->resets, &h, c->fd, NULL, 0, NULL);
}

void
close_delimited_begin(struct connection *c)
{
	if (peer_is_unix(&c->peer))
		return;
	c->close_delimited = reset_on_close(c->fd, true) == 0 ||
	    (c->service->resets != NULL && service_has_lot(c->service) &&
		ask_lot(c, true) == 0);
}

/* False on an error, with errno, or when the deadline passes. */
static bool
wait_for_room(const struct connection *c, int64_t deadline)
{
	struct pollfd channel = {
	    .fd = c->service->resets->to, .events = POLLOUT};
	bool choked = channel_is_choked(errno);

	if ((!choked && errno != EAGAIN) || clock_now() >= deadline)
		return false;
	poll(&channel, !choked,
	    choked ? SETTLE_TICK_MS : clock_milliseconds_until(deadline));
	return true;
}

/*
 * The lot need not have done it when this returns: the message to it keeps the
 * connection open.
 */
void
close_delimited_end(struct connection *c)
{
	int64_t deadline = clock_now() + CHANNEL_PATIENCE;

	if (!c->close_delimited)
		return;
	c->close_delimited = false;
	if (reset_on_close(c->fd, false) == 0)
		return;
	while (c->service->resets != NULL && ask_lot(c, false) == -1 &&
	    wait_for_room(c, deadline))
		continue;
}

void
close_delimited_settle(const struct connection *c, int64_t deadline)
{
	struct pollfd gone = {.fd = c->fd}; /* POLLERR, POLLHUP */
	int unsent = 0;

	while (c->close_delimited && ioctl(c->fd, SIOCOUTQ, &unsent) == 0 &&
	    unsent > 0 && clock_now() < deadline &&
	    poll(&gone, 1, SETTLE_TICK_MS) == 0)
		continue;
}
