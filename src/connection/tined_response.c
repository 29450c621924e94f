#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "connection/exchange.h"
#include "connection/request_content.h"
#include "connection/respond.h"
#include "handlers/builtin.h"

void
tined_set_status(struct tined_exchange *x, int status)
{
	x->response.status = status;
	x->response.reason.len = 0;
}

void
tined_set_status_reason(
    struct tined_exchange *x, int status, struct tined_text reason)
{
	x->response.status = status;
	response_set_reason(&x->response, text_from(reason));
}

int
tined_add_field(
    struct tined_exchange *x, struct tined_text name, struct tined_text value)
{
	return response_field(&x->response, text_from(name), text_from(value));
}

int
tined_set_field(
    struct tined_exchange *x, struct tined_text name, struct tined_text value)
{
	return response_set_field(
	    &x->response, text_from(name), text_from(value));
}

int
tined_printf_field(
    struct tined_exchange *x, const char *name, const char *format, ...)
{
	va_list args;
	int result;

	va_start(args, format);
	result = response_vprintf_field(&x->response, name, format, args);
	va_end(args);
	return result;
}

void
tined_add_copy(struct tined_exchange *x, const void *bytes, size_t len)
{
	response_add_own(&x->response, bytes, len);
}

void
tined_add_bytes(struct tined_exchange *x, const void *bytes, size_t len)
{
	response_add_copy(&x->response, bytes, len);
}

void
tined_add_constant(struct tined_exchange *x, const void *bytes, size_t len)
{
	response_add_bytes(&x->response, bytes, len);
}

void
tined_set_file(struct tined_exchange *x, int fd)
{
	response_set_file(&x->response, fd, false);
}

void
builtin_lend_file(struct tined_exchange *x, int fd)
{
	response_set_file(&x->response, fd, true);
}

void
tined_add_file(struct tined_exchange *x, uint64_t offset, uint64_t length)
{
	response_add_file(&x->response, offset, length);
}

/* Called when something was added to response.text. */
static int
written(struct tined_exchange *x)
{
	struct response *r = &x->response;

	response_stream(r, x->content_sent);
	return r->text.len >= RESPONSE_STREAM_MAX ? respond_stream(x) : 0;
}

int
tined_write(struct tined_exchange *x, const void *bytes, size_t len)
{
	buffer_add(&x->response.text, bytes, len);
	return written(x);
}

int
tined_flush(struct tined_exchange *x)
{
	response_stream(&x->response, x->content_sent);
	return respond_flush(x);
}

/*
 * It copies.  splice(2) from a pipe to a TCP socket took more CPU time than read and
 * send (1.1 ms instead of 0.8 for a megabyte), and from a socket a fifth less; but
 * the length of a chunk must be known before its bytes, and what a slow client has
 * no room for must be kept.
 */
ssize_t
tined_splice(struct tined_exchange *x, int fd, size_t length)
{
	struct buffer *text = &x->response.text;
	size_t room =
	    length < RESPONSE_STREAM_MAX ? length : RESPONSE_STREAM_MAX;
	ssize_t n;

	do {
		n = read(fd, buffer_reserve(text, room), room);
	} while (n == -1 && errno == EINTR);
	if (n <= 0)
		return n;
	text->len += (size_t)n;
	if (written(x) == 0)
		return n;
	errno = EPIPE;
	return -1;
}

/* The head is the client's already, so that respond_finish cuts the stream. */
static bool
is_too_late(struct tined_exchange *x, const char *mistake)
{
	if (x->state != EXCHANGE_STREAMING)
		return false;
	x->response.mistake = mistake;
	return true;
}

void
tined_declare_length(struct tined_exchange *x, uint64_t length)
{
	if (!is_too_late(x, "it declares its length when its head was sent"))
		response_declare_length(&x->response, length);
}

void
tined_error(struct tined_exchange *x, int status)
{
	if (!is_too_late(x, "it becomes an error when its head was sent"))
		response_status_page(&x->response, status);
}

void
builtin_fail(struct tined_exchange *x, int status)
{
	if (x->state == EXCHANGE_STREAMING)
		x->response.broken_off = true;
	else if (response_mistake(&x->response) == NULL)
		response_status_page(&x->response, status);
}

const struct request *
builtin_request(const struct tined_exchange *x)
{
	return &x->request;
}

const struct peer *
builtin_peer(const struct tined_exchange *x)
{
	return &x->connection->peer;
}

void
builtin_add_lines(struct tined_exchange *x, struct text lines)
{
	response_add_fields(&x->response, lines);
}

void
builtin_add_date(struct tined_exchange *x, struct text date)
{
	const struct text lines[] = {TEXT("Date: "), date, TEXT("\r\n")};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		response_add_fields(&x->response, lines[i]);
	x->response.has_date = true;
}

/* As 100 Continue: the response proper begins behind it (emergency.h). */
void
builtin_add_interim(
    struct tined_exchange *x, int status, struct text reason, struct text lines)
{
	struct output *out = &x->connection->out;
	char line[sizeof("HTTP/1.1 100 ")];
	int len = snprintf(line, sizeof(line), "HTTP/1.1 %03d ", status);

	if (x->request.minor == 0 || x->state != EXCHANGE_ANSWERING)
		return;
	output_copy(out, line, (size_t)len);
	output_copy(out, reason.at, reason.len);
	output_copy(out, "\r\n", 2);
	output_copy(out, lines.at, lines.len);
	output_copy(out, "\r\n", 2);
	x->answer_from = output_position(out);
}

bool
builtin_is_next(const struct tined_exchange *x)
{
	const struct output *out = &x->connection->out;

	return out->sent == output_position(out);
}

bool
builtin_expects_continue(const struct tined_exchange *x)
{
	return request_content_waits(x);
}

void
builtin_no_sniffing(struct tined_exchange *x)
{
	response_no_sniffing(&x->response);
}

struct buffer *
builtin_buffer(struct tined_exchange *x)
{
	return &x->response.text;
}

void
builtin_add_buffer(struct tined_exchange *x, size_t offset)
{
	response_add_text(&x->response, offset);
}

void
builtin_advise(struct tined_exchange *x, const char *sentence)
{
	x->response.advice = sentence;
}

void
builtin_redirect(struct tined_exchange *x, struct text target)
{
	buffer_clear(&x->redirect);
	buffer_add_text(&x->redirect, target);
}

/* The master reloads soon, and not for each request. */
void
builtin_want_reload(struct tined_exchange *x)
{
	const struct service *s = x->connection->service;

	if (s->master != NULL && scoreboard_want_reload(s->board))
		wakeup_send(s->master);
}
