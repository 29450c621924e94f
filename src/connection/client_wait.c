#include <poll.h>

#include "base/clock.h"
#include "connection/accounting.h"
#include "connection/client_wait.h"
#include "shared/scoreboard_read.h"

/* The state of the worker when it goes on with the exchange. */
static enum score_state
state_behind(const struct tined_exchange *x)
{
	switch (x->state) {
	case EXCHANGE_WAITING: /* the request, when it is here, changes it */
		break;
	case EXCHANGE_PARSED:
	case EXCHANGE_ANSWERING:
	case EXCHANGE_STREAMING:
		return SCORE_RUNNING;
	case EXCHANGE_FINISHING:
	case EXCHANGE_ANSWERED:
		return SCORE_WRITING;
	}
	return SCORE_READING;
}

static void
start_reading(struct tined_exchange *x)
{
	struct score *score = x->connection->service->score;

	/* The state may be left from the client before. */
	if (x->wait_began == 0 || score_state(score) != SCORE_READING)
		x->wait_began = score_enter(score, SCORE_READING);
}

/*
 * False, with the result of the wait, if there is nothing to wait for.  A long
 * wait is one that may last longer than --linger.
 */
static bool
client_wait_begin(
    struct tined_exchange *x, bool is_long, enum input_result *result)
{
	struct output *out = &x->connection->out;
	const struct service *s = x->connection->service;

	if (s->title != NULL)
		title_settle(s->title, is_long);
	if (s->cache != NULL && is_long)
		response_cache_close_files(s->cache);

	if (x->state != EXCHANGE_WAITING) /* or it is still writing */
		start_reading(x);
	if (x->state == EXCHANGE_STREAMING)
		out->sends = 0; /* a stream is sent in pieces on purpose */
	*result = INPUT_FAILED;
	if (accounting_flush(x->connection) == -1)
		return false;
	start_reading(x);
	*result = INPUT_TIMEOUT;
	return !out->deferring;
}

static enum input_result
client_wait_end(struct tined_exchange *x, enum input_result result)
{
	enum score_state state = state_behind(x);

	if (state != SCORE_READING)
		score_enter(x->connection->service->score, state);
	return result;
}

enum input_result
client_wait(struct tined_exchange *x, bool block)
{
	bool is_long = block && !parking_is_possible(&x->connection->parking);
	enum input_result result;

	if (client_wait_begin(x, is_long, &result))
		result = input_wait(&x->connection->in, block);
	return client_wait_end(x, result);
}

enum input_result
client_wait_none(struct tined_exchange *x)
{
	enum input_result result;

	(void)client_wait_begin(x, false, &result);
	return client_wait_end(x, result);
}

/* The beginning of a wait that may take longer than others wait along. */
static void
client_wait_along(const struct tined_exchange *x, int64_t deadline)
{
	const struct connection *c = x->connection;

	(void)others_wait(c->service->others, c->fd, POLLIN, deadline);
}

enum input_result
client_wait_until(struct tined_exchange *x, int64_t deadline)
{
	enum input_result result;

	if (client_wait_begin(x, true, &result)) {
		client_wait_along(x, deadline);
		result = input_more(&x->connection->in, deadline);
	}
	return client_wait_end(x, result);
}

enum input_result
client_wait_lingering(struct tined_exchange *x, int64_t deadline)
{
	enum input_result result;

	if (client_wait_begin(x, false, &result)) {
		client_wait_along(x, deadline);
		result = input_linger(&x->connection->in, deadline);
	}
	return client_wait_end(x, result);
}

/* Looks every now and then whether a missing lot is there again. */
static int64_t
client_wait_next_look(const struct connection *c, int64_t deadline)
{
	if (!parking_misses_lot(&c->parking))
		return deadline;
	return clock_sooner(clock_now() + PARKING_ABSENCE_TICK, deadline);
}

enum input_result
client_wait_or_park(struct tined_exchange *x, int64_t linger, int64_t deadline)
{
	struct connection *c = x->connection;
	enum input_result result;

	do
		result = parking_is_possible(&c->parking)
		    ? client_wait_lingering(x, linger)
		    : client_wait_until(x, client_wait_next_look(c, deadline));
	while (result == INPUT_TIMEOUT && !c->out.deferring &&
	    !parking_is_possible(&c->parking) && clock_now() < deadline);
	return result;
}
