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
	lot->moving = true;
	lot_close_listeners(lot);
	lot_wait_for_lane(lot, &lot->heritage->ready, 0);
	take_back(lot);
}

void
lot_end_move(struct lot *lot)
{
	const struct handoff_lane *lane = &lot->heritage->successor;

	lot->moving = false;
	lot_wait_for_lane(lot, lane, 0);
	lot_take_from(lot, lane);
}

/* The other lot finds out for itself what is ready for a worker. */
static bool
move(struct lot *lot, struct berth *b)
{
	struct handoff h = berth_handoff(b);

	if (b->state == BERTH_READY && b->rest == NULL)
		h.kind = HANDOFF_WAIT;
	if (handoff_send(&lot->heritage->successor, &h, b->fd, b->bytes, b->len,
		b->rest) == -1) {
		if (errno == EAGAIN || handoff_is_choked(errno))
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
	const struct handoff_lane *lane = &lot->heritage->successor;

	lot_wait_for_lane(lot, lane, move_all(lot) ? 0 : errno);
}
