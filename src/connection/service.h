/*
 * service: the state of the server that all connections of a process use.
 */
#ifndef TINED_CONNECTION_SERVICE_H
#define TINED_CONNECTION_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connection/others.h"
#include "connection/recycle.h"
#include "connection/title.h"
#include "handlers/site.h"
#include "http/access_log.h"
#include "shared/channel.h"
#include "shared/deferred_budget.h"
#include "shared/quarantine.h"
#include "shared/scoreboard.h"
#include "shared/wakeup.h"

/* Owns nothing. */
struct service {
	const struct config *config;
	const struct site *site;
	struct logfile *access_log;
	const struct log_format *log_format;
	struct scoreboard *board;
	const struct channel *ready;  /* from the lot to workers, or NULL */
	const struct channel *parked; /* from workers to the lot, or NULL */
	struct score *score;	      /* of this process, on the board */
	const struct wakeup *master;  /* wakes the master, or NULL */
	size_t worker;		      /* the worker's number, from 1 */
	struct title *title;	      /* of this process, or NULL */
	struct response_cache *cache; /* the same; files are open in it */
	/* NULL without --quarantine: held requests, and this worker's own. */
	const struct quarantine *quarantine;
	struct quarantine_request *current_request;
	struct deferred_budget *deferred_budget; /* NULL without a lot */
	int64_t send_tick;	 /* SO_SNDTIMEO of all sockets */
	struct recycle *recycle; /* NULL: the process is never replaced */
	struct others *others;	 /* NULL: it never keeps clients */
	bool may_shutdown;	 /* a socket for writing, by seccomp.h */
};

/* True if the whole server stops. */
bool service_is_stopping(const struct service *s);
/* True if a lot runs; false if it was killed or has not started yet. */
bool service_has_lot(const struct service *s);
/*
 * True if a connection that the lot has handed over waits for a worker, and no
 * idle or free worker is about to take it, as far as is known
 * (score_lot_on_the_way): it makes no system call.
 */
bool service_has_waiting_clients(const struct service *s);
/*
 * True if the lot has room for a response.  Approximate: if little room is
 * left, messages that the lot has not read yet may already need it.
 */
bool service_lot_has_room(const struct service *s);

#endif
