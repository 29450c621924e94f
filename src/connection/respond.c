#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "connection/respond.h"
#include "connection/stalls.h"
#include "connection/write_mode.h"
#include "http/status_code.h"

bool
respond_has_content(const struct tined_exchange *x)
{
	return x->request.method != METHOD_HEAD &&
	    status_code_may_have_content(x->response.status);
}

static void
respond_send_head(struct tined_exchange *x, bool has_length, uint64_t length)
{
	int status = x->response.status;
	struct response_framing framing = {
	    .has_length =
		status == 205 || (has_length && status >= 200 && status != 204),
	    .length = status == 205 ? 0 : length,
	    .chunked = x->chunked,
	    .keep_alive = x->request.minor == 0,
	};

	if (!framing.has_length && !x->chunked && status_code_has_body(status))
		x->connection->close_after =
		    true; /* which is then the end of the content */
	if (connection_is_last(
		x->connection)) /* since the handler began, perhaps */
		x->connection->close_after = true;
	framing.close = x->connection->close_after;
	write_mode_begin(x);
	output_begin(&x->connection->out);
	buffer_clear(&x->head);
	response_add_head(&x->response, &framing,
	    buffer_text(&x->connection->service->site->fields), &x->head);
	output_copy(&x->connection->out, x->head.data, x->head.len);
	x->content_from = output_position(&x->connection->out);
	write_mode_part(x);
}

/* If the next request is here, the responses leave together. */
static void
send_copy(struct tined_exchange *x, const struct piece *p)
{
	struct connection *c = x->connection;

	if (input_text(&c->in).len == 0)
		output_borrow(&c->out, p->bytes, p->length);
	else
		output_copy(&c->out, p->bytes, p->length);
}

static void
send_piece(struct tined_exchange *x, const struct piece *p)
{
	switch (p->kind) {
	case PIECE_BYTES:
		output_refer(&x->connection->out, p->bytes, p->length);
		break;
	case PIECE_COPY:
		send_copy(x, p);
		break;
	case PIECE_TEXT:
		output_copy(&x->connection->out,
		    x->response.text.data + p->offset, p->length);
		break;
	case PIECE_FILE:
		output_file(&x->connection->out, x->response.file, p->offset,
		    p->length);
		break;
	}
	x->content_sent += p->length;
}

/*
 * Returns the bytes that a stream has written since the last call, but no more
 * than its Content-Length has declared.
 */
static struct text
take_written(struct tined_exchange *x)
{
	struct response *r = &x->response;
	struct text written = buffer_text(&r->text);

	if (r->has_declared_length &&
	    written.len > r->declared_length - x->content_sent)
		written.len = (size_t)(r->declared_length - x->content_sent);
	x->content_sent += written.len;
	return written;
}

static void
send_stream_head(struct tined_exchange *x)
{
	const struct response *r = &x->response;

	x->chunked = !r->has_declared_length && x->request.minor > 0 &&
	    status_code_may_have_content(r->status);
	respond_send_head(x, r->has_declared_length, r->declared_length);
}

static void
send_written(struct tined_exchange *x)
{
	struct text written = take_written(x);
	char size[24];

	if (!respond_has_content(x) || written.len == 0)
		return;
	if (x->chunked) {
		int len = snprintf(size, sizeof(size), "%zx\r\n", written.len);

		output_copy(&x->connection->out, size, (size_t)len);
		write_mode_part(x);
	}
	output_copy(&x->connection->out, written.at, written.len);
	if (x->chunked)
		output_copy(&x->connection->out, "\r\n", 2);
}

/* Between two of them the time is the handler's (request_timeout.h). */
int
respond_flush(struct tined_exchange *x)
{
	struct score *score = x->connection->service->score;
	int result;

	x->response.streaming = true;
	if (response_mistake(&x->response) != NULL) {
		buffer_clear(&x->response.text);
		return -1; /* respond_finish says why */
	}
	stalls_before_flush(x, score_enter(score, SCORE_WRITING));
	if (x->state == EXCHANGE_ANSWERING) {
		send_stream_head(x);
		exchange_enter(x, EXCHANGE_STREAMING);
		score_stream(score);
	}
	send_written(x);
	buffer_clear(&x->response.text);
	result = output_flush(&x->connection->out);
	stalls_after_flush(x, score_enter(score, SCORE_RUNNING));
	return result;
}

/*
 * What the requests before have left in the output leaves first, so that nothing
 * but this response is lost if its handler crashes.
 */
int
respond_stream(struct tined_exchange *x)
{
	struct connection *c = x->connection;
	int result;

	if (x->state == EXCHANGE_ANSWERING && output_flush(&c->out) == -1)
		return -1;
	c->parking.response_may_wait = true;
	output_catch_up(&c->out);
	result = respond_flush(x);
	c->parking.response_may_wait = false;
	return result;
}

/* The client has the head, and must not take what it gets for whole. */
static void
cut_off(struct tined_exchange *x)
{
	output_flush(&x->connection->out);
	x->connection->out.failed = true;
}

static void
cut_off_mistake(struct tined_exchange *x, const char *mistake)
{
	log_error("the handler of \"%.*s\" made a wrong response: %s; it is "
		  "cut off",
	    TEXT_ARG(x->request.line), mistake);
	cut_off(x);
}

/* Nobody can tell whether the file has changed, or the handler was wrong. */
static void
cut_off_file(struct tined_exchange *x, int error)
{
	log_error("the response to \"%.*s\" is cut off: its file %s%s",
	    TEXT_ARG(x->request.line),
	    error == OUTPUT_FILE_ENDED
		? "became shorter while it was sent, or was shorter than its "
		  "handler said"
		: "cannot be read: ",
	    error == OUTPUT_FILE_ENDED ? "" : strerror(error));
	cut_off(x);
}

static const char too_short[] =
    "it is shorter than the length that it declared";

/* A 304 has no content, and does not tell the length of what it has not. */
static void
send_whole(struct tined_exchange *x)
{
	const struct response *r = &x->response;

	respond_send_head(x, r->status != 304, r->length);
	for (size_t i = 0; i < r->piece_count && respond_has_content(x); i++)
		send_piece(x, &r->pieces[i]);
	if (x->connection->out.file_error != 0)
		cut_off_file(x, x->connection->out.file_error);
}

static void
finish_stream(struct tined_exchange *x)
{
	const struct response *r = &x->response;
	bool whole = !r->broken_off &&
	    (!r->has_declared_length || !respond_has_content(x) ||
		x->content_sent + r->text.len >= r->declared_length);

	if (response_mistake(r) != NULL) {
		cut_off_mistake(x, response_mistake(r));
		return;
	}
	if (whole)
		exchange_enter(x, EXCHANGE_FINISHING);
	send_written(x);
	if (whole && x->chunked && respond_has_content(x))
		output_copy(&x->connection->out, "0\r\n\r\n", 5);
	/* The handler has given up, or has said why. */
	if (!whole && (r->broken_off || x->connection->out.failed))
		cut_off(x);
	else if (!whole)
		cut_off_mistake(x, too_short);
}

/*
 * Why what the handler has made must not be sent; NULL if it may be.  The
 * length comes last: respond_flush drops the text of a response with another
 * mistake.
 */
static const char *
find_mistake(const struct tined_exchange *x)
{
	const struct response *r = &x->response;
	const char *mistake = response_mistake(r);

	if (mistake == NULL && r->streaming && r->has_declared_length &&
	    respond_has_content(x) && r->text.len < r->declared_length)
		mistake = too_short;
	return mistake;
}

void
respond_refuse(struct tined_exchange *x, const char *mistake)
{
	log_error("the handler of \"%.*s\" made a wrong response: %s; it is "
		  "answered 500",
	    TEXT_ARG(x->request.line), mistake);
	response_status_page(&x->response, 500);
}

static void
refuse_mistake(struct tined_exchange *x)
{
	const char *mistake = find_mistake(x);

	if (mistake == NULL)
		return;
	respond_refuse(x, mistake);
	site_add_page(x->connection->service->site, &x->response);
}

/* All of a stream is at hand, so its length is known after all. */
static void
settle_short_stream(struct response *r)
{
	r->streaming = false;
	response_add_text(r, 0);
	if (r->has_declared_length) /* and perhaps not written: HEAD */
		r->length = r->declared_length;
}

void
respond_start(struct tined_exchange *x)
{
	response_reset(&x->response);
	stalls_begin(x->connection);
	x->taken_before = x->connection->in.taken;
	x->sent_before = output_position(&x->connection->out);
	x->chunked = false;
	x->content_from = UINT64_MAX;
	x->content_sent = 0;
	x->answer_from = output_position(&x->connection->out);
	exchange_enter(x, EXCHANGE_ANSWERING);
}

void
respond_finish(struct tined_exchange *x)
{
	if (x->state == EXCHANGE_STREAMING) {
		finish_stream(x);
	} else {
		exchange_enter(x, EXCHANGE_FINISHING);
		refuse_mistake(x);
		if (x->response.streaming)
			settle_short_stream(&x->response);
		send_whole(x);
	}
	write_mode_end(x);
	exchange_enter(x, EXCHANGE_ANSWERED);
}
