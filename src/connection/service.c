#include "connection/service.h"
#include "shared/scoreboard_read.h"

bool
service_is_stopping(const struct service *s)
{
	return atomic_load(&s->board->server->stopping);
}

bool
service_has_lot(const struct service *s)
{
	return s->ready != NULL && score_lot_is_there(s->board->lot);
}

bool
service_has_waiting_clients(const struct service *s)
{
	int64_t count = score_lot_on_the_way(s->board);

	return count > 0 && !scoreboard_can_take(s->board, (size_t)count);
}

bool
service_lot_has_room(const struct service *s)
{
	const struct score_lot *lot = s->board->lot;

	return !atomic_load(&lot->full) &&
	    !(score_lot_is_crowded(lot) && channel_has_message(s->parked));
}
