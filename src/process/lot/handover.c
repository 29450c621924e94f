#include <sys/epoll.h>

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "process/lot/state.h"
#include "shared/scoreboard_read.h"

/*
 * After this time a worker has counted a connection that it has received, or
 * the connection is lost.
 */
#define CHANNEL_TIME CLOCK_SECOND
/* Between looks whether the channel is empty. */
#define CHANNEL_TICK (100 * CLOCK_MILLISECOND)

/*
 * Leaves room for the descriptors of connections that workers park; otherwise
 * the lot and the workers could wait for each other.  If true, a worker wakes
 * the lot when half of those on their way are left, or those that may be lost.
 */
static bool
is_channel_at_its_bound(const struct lot *lot)
{
	struct scoreboard *board = lot->inherited->board;
	int64_t max = (int64_t)lot->channel_max;
	int64_t low = lot->missing > max / 2 ? lot->missing : max / 2;

	return score_lot_on_the_way(board) >= max &&
	    channel_has_message(&lot->inherited->ready) &&
	    score_lot_await_room(board, low);
}

/* Closes a connection that can never be handed over, so that others can. */
static bool
lose(struct lot *lot, struct parked *b)
{
	if (errno == EAGAIN || channel_is_choked(errno))
		return false;
	log_error(
	    "cannot hand the connection of %s to a worker: %s; closing it",
	    b->peer.name, strerror(errno));
	parked_release(&lot->parked, b);
	return true;
}

/*
 * True if the connection has been sent to a worker, or is lost.  Otherwise the
 * channel accepts no more for now, and errno is that of channel_send, or EBUSY
 * at the lot's own bound.
 */
static bool
hand_over(struct lot *lot, struct parked *b)
{
	struct handoff h = parked_handoff(b);

	if (is_channel_at_its_bound(lot)) {
		errno = EBUSY;
		return false;
	}
	h.loan = lot_name_loan(lot, b);
	if (channel_send(&lot->inherited->ready, &h, b->fd, b->bytes, b->len,
		b->deferred) == -1) {
		lot_unname_loan(lot, b);
		return lose(lot, b);
	}
	client_share_handed(&lot->client_share, b->client);
	score_lot_handed(lot->inherited->board->lot);
	if (h.loan.place != 0)
		lot_lend(lot, b);
	else
		parked_give_away(&lot->parked, b);
	return true;
}

/*
 * A worker may be killed before it counts what it has received.  So connections
 * do not count as on their way any more if, whenever the channel was empty for
 * some time, as many seemed to be.
 */
static void
look_for_lost(struct lot *lot, int64_t count)
{
	int64_t now = clock_now();

	if (now < lot->settle_at)
		return;
	lot->settle_at = now + CHANNEL_TICK;
	if (channel_has_message(&lot->inherited->ready))
		return;
	if (lot->missing == 0)
		lot->missing_since = now;
	if (lot->missing == 0 || count < lot->missing)
		lot->missing = count;
	if (now - lot->missing_since < CHANNEL_TIME)
		return;
	score_lot_settle(lot->inherited->board, lot->missing);
	lot->missing = 0;
}

static void
settle_channel(struct lot *lot)
{
	int64_t count = score_lot_on_the_way(lot->inherited->board);

	if (count < 0)
		score_lot_settle(lot->inherited->board, count);
	if (count > 0)
		look_for_lost(lot, count);
	else
		lot->missing = 0;
}

int64_t
lot_settle_deadline(const struct lot *lot)
{
	/* What is on its way is told by workers, who may tell what is not so. */
	if (score_lot_on_the_way(lot->inherited->board) == 0 &&
	    !lot->channel_is_choked)
		return CLOCK_NEVER;
	return clock_now() + CHANNEL_TICK;
}

/* Returns the first connection that the channel did not accept, or NULL. */
static struct parked *
hand_over_all(struct lot *lot)
{
	struct parked *b, *next;
	bool waiting = false;

	settle_channel(lot);
	client_share_begin(&lot->client_share);
	for (b = parked_all_first(&lot->parked, PARKED_READY); b != NULL;
	     b = next) {
		next = TAILQ_NEXT(b, entry);
		if (!client_share_allows(&lot->client_share, b->client))
			waiting = true;
		else if (!hand_over(lot, b))
			break;
	}
	client_share_end(&lot->client_share, waiting);
	return b;
}

void
lot_wait_for_channel(struct lot *lot, const struct channel *channel, int error)
{
	bool full = error == EAGAIN;

	if (!full && lot->channel_is_full)
		parked_all_unwatch(&lot->parked, channel->to);
	else if (full && !lot->channel_is_full)
		full = parked_all_watch(&lot->parked, channel->to, EPOLLOUT,
			   &lot->channel_is_full) == 0;
	lot->channel_is_full = full;
	lot->channel_is_choked = error != 0 && !full;
	lot->must_retry = lot->channel_is_choked && error != EBUSY;
}

/* While the channel is choked, only workers accept: that needs no channel. */
void
lot_hand_over_ready(struct lot *lot)
{
	const struct parked *b = hand_over_all(lot);

	lot_wait_for_channel(
	    lot, &lot->inherited->ready, b != NULL ? errno : 0);
	if (lot->channel_is_choked && !lot->held_off)
		lot_hold_off(lot);
}
