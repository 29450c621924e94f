#include <stdio.h>

#include "connection/respond.h"
#include "http/status_code.h"

static bool
has_content(const struct client *c)
{
	return c->request.method != METHOD_HEAD &&
	    status_code_has_body(c->response.status);
}

static void
send_head(struct client *c, bool has_length, uint64_t length)
{
	struct response_framing framing = {
	    .has_length = has_length && c->response.status >= 200 &&
		c->response.status != 204,
	    .length = length,
	    .chunked = c->chunked,
	    .keep_alive = c->request.minor == 0,
	};

	if (!has_length && !c->chunked &&
	    status_code_has_body(c->response.status))
		c->close = true; /* which is then the end of the content */
	if (client_is_last(c))	 /* since the handler began, perhaps */
		c->close = true;
	framing.close = c->close;
	output_begin(&c->out);
	buffer_clear(&c->head);
	response_add_head(&c->response, &framing,
	    buffer_text(&c->service.site->fields), &c->head);
	output_copy(&c->out, c->head.data, c->head.len);
	c->content_from = output_position(&c->out);
	c->head_sent = true;
}

static void
send_piece(struct client *c, const struct piece *p)
{
	switch (p->kind) {
	case PIECE_BYTES:
		output_refer(&c->out, p->bytes, p->length);
		break;
	case PIECE_TEXT:
		output_copy(
		    &c->out, c->response.text.data + p->offset, p->length);
		break;
	case PIECE_FILE:
		output_file(&c->out, c->response.file, p->offset, p->length);
		break;
	}
	c->content_sent += p->length;
}

/* A 304 has no content, and does not tell the length of what it has not. */
static void
send_whole(struct client *c)
{
	const struct response *r = &c->response;

	send_head(c, r->status != 304, r->length);
	for (size_t i = 0; i < r->piece_count && has_content(c); i++)
		send_piece(c, &r->pieces[i]);
}

/* What a stream has written since the last time; at most what it declared. */
static struct text
take_written(struct client *c)
{
	struct response *r = &c->response;
	struct text written = buffer_text(&r->text);

	if (r->has_declared_length &&
	    written.len > r->declared_length - c->content_sent)
		written.len = (size_t)(r->declared_length - c->content_sent);
	c->content_sent += written.len;
	return written;
}

static void
send_stream_head(struct client *c)
{
	const struct response *r = &c->response;

	c->chunked = !r->has_declared_length && c->request.minor > 0;
	send_head(c, r->has_declared_length, r->declared_length);
}

static void
send_written(struct client *c)
{
	struct text written = take_written(c);
	char size[24];

	if (!has_content(c) || written.len == 0)
		return;
	if (c->chunked) {
		int len = snprintf(size, sizeof(size), "%zx\r\n", written.len);

		output_copy(&c->out, size, (size_t)len);
	}
	output_copy(&c->out, written.at, written.len);
	if (c->chunked)
		output_copy(&c->out, "\r\n", 2);
}

/*
 * response.flush: between two of them the time is the handler's
 * (request_timeout.h).
 */
static int
flush_stream(void *context)
{
	struct client *c = context;
	int result;

	score_enter(c->service.score, SCORE_WRITING);
	if (!c->head_sent)
		send_stream_head(c);
	send_written(c);
	buffer_clear(&c->response.text);
	result = output_flush(&c->out);
	score_enter(c->service.score, SCORE_RUNNING);
	return result;
}

static void
finish_stream(struct client *c)
{
	struct response *r = &c->response;

	send_written(c);
	if (c->chunked && has_content(c))
		output_copy(&c->out, "0\r\n\r\n", 5);
	/* Shorter than was promised: the client must not take it for whole. */
	if (r->has_declared_length && c->content_sent < r->declared_length) {
		c->finishing = false;
		output_flush(&c->out);
		c->out.failed = true;
	}
}

/* All of a stream is at hand, so its length is known after all. */
static void
send_short_stream(struct client *c)
{
	struct response *r = &c->response;

	if (r->has_declared_length && r->text.len < r->declared_length) {
		response_error(r, 500);
		site_add_page(c->service.site, r);
	} else {
		if (r->has_declared_length)
			r->text.len = (size_t)r->declared_length;
		response_add_text(r, 0);
	}
	send_whole(c);
}

void
respond_start(struct client *c)
{
	response_reset(&c->response);
	c->response.flush = flush_stream;
	c->response.context = c;
	c->taken_before = c->in.taken;
	c->sent_before = output_position(&c->out);
	c->finishing = false;
	c->head_sent = false;
	c->chunked = false;
	c->content_from = 0;
	c->content_sent = 0;
	c->answer_from = output_position(&c->out);
	c->answering = true;
}

void
respond_finish(struct client *c)
{
	c->finishing = true;
	if (c->head_sent)
		finish_stream(c);
	else if (c->response.streaming)
		send_short_stream(c);
	else
		send_whole(c);
	c->answering = false;
}
