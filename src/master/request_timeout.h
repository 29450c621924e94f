/*
 * request_timeout: ends workers that take too long to start, --start-timeout,
 * as does the lot; and those whose handler takes too long: --request-timeout.
 * That time counts while a handler runs and waits for no client
 * (SCORE_RUNNING), and anew after each part of a stream that it sends: however
 * slow a client is, no handler has to pay for it.
 */
#ifndef TINED_MASTER_REQUEST_TIMEOUT_H
#define TINED_MASTER_REQUEST_TIMEOUT_H

#include "master/children.h"

/* A worker that was told, and lives after so long, is killed. */
#define REQUEST_TIMEOUT_PATIENCE CLOCK_SECOND

/*
 * Tells those that hang, and kills those that were told.  Returns when to look
 * again (clock.h): before the first of the present requests can be late, and
 * any that is yet to begin; a process that is started later is to be looked at
 * then (children.fresh).
 */
int64_t request_timeout_check(struct children *all);

#endif
