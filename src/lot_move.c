#include <sys/epoll.h>

#include <errno.h>
#include <string.h>

#include "log.h"
#include "lot_state.h"

/* What the lot has handed over and no worker has taken comes back. */
static void
take_back(struct lot *lot)
{
	lot_take_from(lot, &lot->heritage->ready);
}

void
lot_begin_move(struct lot *lot)
{
	const struct heritage *h = lot->heritage;

	lot->moving = true;
	lot_close_listeners(lot);
	if (lot->lane_is_full)
		berths_unwatch(&lot->berths, h->ready.to);
	lot->lane_is_full = false;
	take_back(lot);
}

void
lot_end_move(struct lot *lot)
{
	const struct handoff_lane *lane = &lot->heritage->successor;

	lot->moving = false;
	lot->lane_is_choked = false;
	if (lot->lane_is_full)
		berths_unwatch(&lot->berths, lane->to);
	lot->lane_is_full = false;
	lot_take_from(lot, lane);
}

/* The other lot finds out for itself what is ready for a worker. */
static bool
move(struct lot *lot, struct berth *b)
{
	struct handoff h = berth_handoff(b);

	if (b->state == BERTH_READY)
		h.kind = HANDOFF_WAIT;
	if (handoff_send(&lot->heritage->successor, &h, b->fd, b->bytes, b->len,
		b->rest) == -1) {
		lot->lane_is_choked = handoff_is_choked(errno);
		if (lot->lane_is_choked || errno == EAGAIN)
			return false;
		log_error("cannot hand a connection over: %s; it is closed",
		    strerror(errno));
	}
	berth_release(&lot->berths, b);
	return true;
}

static bool
move_all(struct lot *lot)
{
	static const enum berth_state order[] = {BERTH_READY, BERTH_HEAD,
	    BERTH_COLLECT, BERTH_SEND, BERTH_LINGER, BERTH_IDLE};
	struct berth *b;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		while ((b = berths_first(&lot->berths, order[i])) != NULL)
			if (!move(lot, b))
				return false;
	return true;
}

void
lot_move(struct lot *lot)
{
	int lane = lot->heritage->successor.to;
	bool full;

	lot->lane_is_choked = false;
	full = !move_all(lot) && !lot->lane_is_choked;
	if (full && !lot->lane_is_full)
		berths_watch(&lot->berths, lane, EPOLLOUT, &lot->lane_is_full);
	else if (!full && lot->lane_is_full)
		berths_unwatch(&lot->berths, lane);
	lot->lane_is_full = full;
}
