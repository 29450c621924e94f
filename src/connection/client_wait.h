/*
 * client_wait: waits for what a client sends.  Before each wait it sends what is
 * ready, because the client may be waiting for that.  Until the wait has ended,
 * the worker's state is SCORE_READING: the time that a client takes is not its
 * handler's, which --request-timeout limits.
 *
 * All return INPUT_TIMEOUT at once if what is ready was deferred (output.h), and
 * INPUT_FAILED if it could not be sent.
 */
#ifndef TINED_CONNECTION_CLIENT_WAIT_H
#define TINED_CONNECTION_CLIENT_WAIT_H

#include "connection/exchange.h"

/* Waits as input_wait does. */
enum input_result client_wait(struct tined_exchange *x, bool block);
/* Sends what is ready, as before a wait, but does not look for bytes. */
enum input_result client_wait_none(struct tined_exchange *x);
/* Wait as input_more and input_linger do. */
enum input_result client_wait_until(struct tined_exchange *x, int64_t deadline);
enum input_result client_wait_lingering(
    struct tined_exchange *x, int64_t deadline);
/*
 * Waits until the deadline or, if the connection can be parked, until linger,
 * which is earlier.  A lot may end or begin in the meantime: INPUT_TIMEOUT means
 * that the connection can be parked, or that the deadline has passed.
 */
enum input_result client_wait_or_park(
    struct tined_exchange *x, int64_t linger, int64_t deadline);

#endif
