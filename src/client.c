#include "client.h"

void
client_init(struct client *c, const struct service *service)
{
	const struct config *config = service->config;

	*c = (struct client){.service = *service, .fd = -1};
	input_init(&c->in, config->max_head + CLIENT_CONTENT_ROOM);
	output_init(&c->out, config->send_timeout);
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
	c->close = false;
	c->linger = false;
	input_attach(&c->in, fd);
	output_attach(&c->out, fd);
	score_connection(c->service.score, text_of(c->peer.name));
}

void
client_detach(struct client *c)
{
	c->fd = -1;
	input_attach(&c->in, -1);
	output_attach(&c->out, -1);
}
