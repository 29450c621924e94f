/*
 * service: what all connections of a process share, and what they ask of the
 * server that they belong to.
 */
#ifndef TINED_CONNECTION_SERVICE_H
#define TINED_CONNECTION_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connection/recycle.h"
#include "handlers/site.h"
#include "http/access_log.h"
#include "shared/channel.h"
#include "shared/deferred_budget.h"
#include "shared/quarantine.h"
#include "shared/scoreboard.h"
#include "shared/wakeup.h"

/* Nothing of it is owned here. */
struct service {
	const struct config *config;
	const struct site *site;
	struct logfile *access_log;
	const struct log_format *log_format;
	struct scoreboard *board;
	const struct channel *ready;  /* from the lot to workers, or NULL */
	const struct channel *parked; /* from workers to the lot, or NULL */
	struct score *score;	      /* of this process, on the board */
	const struct wakeup *master;  /* to wake it, or NULL */
	size_t worker;		      /* its number, from 1 */
	/* NULL without --quarantine: what is held, and this process's place. */
	const struct quarantine *quarantine;
	struct quarantine_place *place;
	struct deferred_budget *deferred_budget; /* NULL without a lot */
	int64_t send_tick;	 /* SO_SNDTIMEO of all sockets */
	struct recycle *recycle; /* NULL: the process is never replaced */
};

/* Whether the whole server ends. */
bool service_is_stopping(const struct service *s);
/* Whether there is a lot now; it may have been killed, or not have started. */
bool service_has_lot(const struct service *s);
/* Whether a client that the lot has handed over waits for a worker. */
bool service_has_waiting_clients(const struct service *s);
/*
 * Whether the lot has room for a response, as far as is known: if it has little
 * left, what others have sent it, and it has not read, may be too much already.
 */
bool service_lot_has_room(const struct service *s);

#endif
