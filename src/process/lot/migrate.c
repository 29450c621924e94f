#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "process/lot/state.h"

/*
 * Takes back connections that the lot has handed over and no worker received.
 */
static void
take_back(struct lot *lot)
{
	lot_take_from(lot, &lot->inherited->ready);
}

void
lot_begin_move(struct lot *lot)
{
	lot->moving = true;
	lot_close_listeners(lot);
	lot_wait_for_channel(lot, &lot->inherited->ready, 0);
	lot_recall_all(lot);
	take_back(lot);
}

void
lot_end_move(struct lot *lot)
{
	const struct channel *channel = &lot->inherited->successor;

	lot->moving = false;
	lot_wait_for_channel(lot, channel, 0);
	lot_take_from(lot, channel);
}

/* The other lot itself finds out which requests are complete. */
static bool
move(struct lot *lot, struct parked *b)
{
	struct handoff h = parked_handoff(b);

	if (b->state == PARKED_READY && b->deferred == NULL)
		h.kind = HANDOFF_WAIT;
	if (channel_send(&lot->inherited->successor, &h, b->fd, b->bytes,
		b->len, b->deferred) == -1) {
		if (errno == EAGAIN || channel_is_choked(errno))
			return false;
		log_error("cannot hand a connection over to the new server: "
			  "%s; closing it",
		    strerror(errno));
		parked_release(&lot->parked, b);
		return true;
	}
	parked_give_away(&lot->parked, b);
	return true;
}

static bool
move_all(struct lot *lot)
{
	static const enum parked_state order[] = {PARKED_READY, PARKED_HEAD,
	    PARKED_COLLECT, PARKED_SEND, PARKED_LINGER, PARKED_IDLE};
	struct parked *b;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		while ((b = parked_all_first(&lot->parked, order[i])) != NULL)
			if (!move(lot, b))
				return false;
	return true;
}

void
lot_move(struct lot *lot)
{
	const struct channel *channel = &lot->inherited->successor;

	lot_wait_for_channel(lot, channel, move_all(lot) ? 0 : errno);
}
