#include <poll.h>

#include "connection/parking.h"
#include "shared/scoreboard_read.h"

/* The bytes received so far must fit into a message to the lot. */
bool
parking_is_possible(const struct parking *p)
{
	const struct service *s = p->service;

	return s->ready != NULL && (service_has_lot(s) || p->in->yield) &&
	    !p->lot_refused && !p->in->hurry && !service_is_stopping(s) &&
	    input_text(p->in).len <= s->parked->room;
}

bool
parking_misses_lot(const struct parking *p)
{
	const struct service *s = p->service;

	return s->ready != NULL && !service_has_lot(s) && !p->in->hurry &&
	    !p->in->yield && !service_is_stopping(s);
}

/* A worker that receives it has room for as much as this one. */
bool
parking_may_defer(const struct parking *p, enum parking_reason reason)
{
	const struct service *s = p->service;

	return p->response_may_wait && parking_is_possible(p) &&
	    input_text(p->in).len + sizeof(struct deferred) <= p->in->size &&
	    service_lot_has_room(s) &&
	    (reason == PARKING_STALLED || !scoreboard_has_idle(s->board)) &&
	    (reason != PARKING_FULL || service_has_waiting_clients(s));
}

bool
parking_wait_for_room(const struct parking *p, int fd)
{
	return others_wait(p->service->others, fd, POLLOUT, CLOCK_NEVER);
}

bool
parking_keep(const struct parking *p, uint64_t bytes)
{
	const struct service *s = p->service;

	return deferred_budget_take(s->deferred_budget, s->worker - 1, bytes);
}

void
parking_give_back(const struct parking *p, uint64_t bytes)
{
	const struct service *s = p->service;

	deferred_budget_return(s->deferred_budget, s->worker - 1, bytes);
}
