#include "base/clock.h"
#include "base/memory.h"
#include "connection/client.h"

size_t
client_room(const struct config *config)
{
	return config->max_head + CLIENT_CONTENT_ROOM;
}

void
client_init(struct client *c, const struct service *service)
{
	*c = (struct client){.service = *service, .fd = -1};
	input_init(&c->in, client_room(service->config));
	output_init(&c->out, service->config->send_timeout, service->send_tick);
	response_init(&c->response);
}

void
client_free(struct client *c)
{
	input_free(&c->in);
	output_free(&c->out);
	response_free(&c->response);
	buffer_free(&c->path);
	buffer_free(&c->head);
}

void
client_attach(struct client *c, int fd, const struct peer *peer)
{
	c->fd = fd;
	c->peer = *peer;
	c->allowed = access_allows(
	    &c->service.config->allow, (const struct sockaddr *)&peer->address);
	c->requests = 0;
	c->answering = false;
	c->close = false;
	c->linger = false;
	c->finishing = false;
	c->streak = 0;
	c->gap = CLOCK_NEVER;
	c->late = false;
	c->collected = false;
	c->continued = false;
	c->queue_timed_out = false;
	c->refused = false;
	c->ready = 0;
	c->unaccounted_count = 0;
	c->accounted_bytes = 0;
	input_attach(&c->in, fd);
	output_attach(&c->out, fd);
	score_connection(c->service.score, text_of(c->peer.name));
}

void
client_forget(struct client *c)
{
	bool much = input_forget(&c->in);

	if (output_forget(&c->out) || much)
		memory_settle();
}

void
client_detach(struct client *c)
{
	c->fd = -1;
	input_attach(&c->in, -1);
	output_attach(&c->out, -1);
}

bool
client_is_last(const struct client *c)
{
	return c->last || c->in.hurry ||
	    atomic_load(&c->service.board->server->stopping);
}

bool
client_has_lot(const struct client *c)
{
	return c->service.ready != NULL &&
	    score_lot_is_there(c->service.board->lot);
}

bool
client_misses_lot(const struct client *c)
{
	return c->service.ready != NULL && !client_has_lot(c) && !c->in.hurry &&
	    !c->in.yield && !atomic_load(&c->service.board->server->stopping);
}

/* What has come must fit into a message. */
bool
client_may_park(const struct client *c)
{
	return c->service.ready != NULL && (client_has_lot(c) || c->in.yield) &&
	    !c->refused && !c->in.hurry &&
	    !atomic_load(&c->service.board->server->stopping) &&
	    input_text(&c->in).len <= c->service.parked->room;
}
