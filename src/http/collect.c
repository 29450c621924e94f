#include "http/collect.h"

void
collect_start(struct collect *c, bool chunked, size_t wanted, uint64_t max)
{
	*c = (struct collect){0};
	if (chunked) {
		body_start_chunks(&c->body, max);
		c->at = wanted;
	} else {
		body_start_length(&c->body, wanted, UINT64_MAX);
	}
}

bool
collect_is_done(struct collect *c, const char *bytes, size_t len)
{
	struct body *body = &c->body;
	struct text content;
	size_t used = 1;

	while (used > 0 && c->at < len) {
		used = body_take(body, bytes + c->at, len - c->at, &content);
		c->at += used;
	}
	return body->state == BODY_COMPLETE || body->state == BODY_REFUSED;
}
