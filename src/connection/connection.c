#include <sys/socket.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/min_rate.h"
#include "connection/connection.h"

/* How often to check what the kernel has not sent yet. */
#define LINGER_TICK (20 * CLOCK_MILLISECOND)

size_t
connection_room(const struct config *config)
{
	return config->max_head + CONNECTION_CONTENT_ROOM;
}

void
connection_init(struct connection *c, const struct service *service)
{
	c->service = service;
	c->fd = -1;
	input_init(&c->in, connection_room(service->config));
	output_init(&c->out, service->config->send_timeout, service->send_tick);
	c->out.nagle = service->config->nagle;
	c->out.times_first_send = service->log_format != NULL &&
	    service->log_format->wants_first_byte;
	c->parking.service = service;
	c->parking.in = &c->in;
	c->out.parking = &c->parking;
}

void
connection_free(struct connection *c)
{
	input_free(&c->in);
	output_free(&c->out);
}

void
connection_attach(struct connection *c, int fd, const struct peer *peer)
{
	c->fd = fd;
	c->peer = *peer;
	c->local.length = 0;
	c->allowed = access_allows(&c->service->config->allow,
	    (const struct sockaddr *)&peer->address);
	c->parking.lot_refused = false;
	c->parking.response_may_wait = true;
	c->close_after = false;
	c->linger_after = false;
	c->requests = 0;
	c->streak = 0;
	c->others_since = 0;
	c->idle_time = CLOCK_NEVER;
	c->stall = (struct stall_mark){0};
	c->stall_sent = 0;
	c->stall_looked = 0;
	c->unaccounted_count = 0;
	c->accounted_bytes = 0;
	input_attach(&c->in, fd);
	output_attach(&c->out, fd);
	score_connection(c->service->score, text_of(c->peer.name));
}

void
connection_detach(struct connection *c)
{
	c->fd = -1;
	input_attach(&c->in, -1);
	output_attach(&c->out, -1);
}

const struct peer *
connection_local(struct connection *c)
{
	struct peer *local = &c->local;

	if (local->length > 0)
		return local;
	local->length = sizeof(local->address);
	if (getsockname(c->fd, (struct sockaddr *)&local->address,
		&local->length) == -1) {
		local->address.ss_family = AF_UNSPEC;
		local->length = sizeof(local->address.ss_family);
	}
	return local;
}

void
connection_forget(struct connection *c)
{
	bool much = input_forget(&c->in);

	if (output_forget(&c->out) || much)
		memory_settle();
}

bool
connection_is_last(const struct connection *c)
{
	return c->close_next || c->in.hurry || service_is_stopping(c->service);
}

void
connection_close_and_linger(struct connection *c)
{
	c->close_after = true;
	c->linger_after = true;
}

/* False if waiting on serves no purpose. */
static bool
linger_on(struct connection *c, int64_t deadline)
{
	int64_t tick = clock_now() + LINGER_TICK;

	if (c->linger_after) /* until the client closes */
		return input_more(&c->in, deadline) == INPUT_BYTES;
	switch (input_more(&c->in, clock_sooner(tick, deadline))) {
	case INPUT_BYTES:
		return true;
	case INPUT_TIMEOUT:
		return output_is_unsent(&c->out);
	case INPUT_END:
	case INPUT_FAILED:
		break;
	}
	return false;
}

/*
 * If a socket is closed while it has unread bytes, or while more arrive, the
 * kernel resets the connection, and the reset can destroy a response that the
 * client has not read yet.
 */
void
connection_linger(struct connection *c)
{
	int64_t end = clock_now() + CONNECTION_LINGER_HERE_TIME;
	struct min_rate rate;

	score_enter(c->service->score, SCORE_LINGERING);
	if (c->service->may_shutdown)
		shutdown(c->fd, SHUT_WR);
	min_rate_start(&rate, CONNECTION_LINGER_HERE_PAUSE);
	while (!min_rate_is_over(&rate) && clock_now() < end) {
		input_attach(&c->in, c->fd);
		if (!linger_on(c, clock_sooner(rate.ends, end)))
			break;
		if (!c->in.hurry)
			min_rate_add(&rate, input_text(&c->in).len);
	}
}
