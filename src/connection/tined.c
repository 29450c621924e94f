#include "tined.h"

#include <stdarg.h>

#include "connection/exchange.h"
#include "connection/request_content.h"
#include "connection/respond.h"

enum method
tined_method(const struct tined_exchange *x)
{
	return x->request.method;
}

struct text
tined_target(const struct tined_exchange *x)
{
	return x->request.target;
}

struct text
tined_path(const struct tined_exchange *x)
{
	return x->request.path;
}

struct text
tined_path_below(const struct tined_exchange *x)
{
	return x->path_below;
}

bool
tined_path_is_ambiguous(const struct tined_exchange *x)
{
	return x->request.ambiguous_path;
}

bool
tined_query(const struct tined_exchange *x, struct text *query)
{
	*query = x->request.query;
	return x->request.has_query;
}

struct text
tined_host(const struct tined_exchange *x)
{
	return x->request.host;
}

const struct peer *
tined_peer(const struct tined_exchange *x)
{
	return &x->connection->peer;
}

bool
tined_field(
    const struct tined_exchange *x, struct text name, struct text *value)
{
	enum field_id id = request_field_id(name);
	struct text found;

	if (id != FIELD_OTHER)
		return request_field(&x->request, id, value);
	for (size_t i = 0; tined_field_at(x, i, &found, value); i++)
		if (text_equal_nocase(found, name))
			return true;
	return false;
}

bool
tined_field_at(const struct tined_exchange *x, size_t i, struct text *name,
    struct text *value)
{
	if (i >= x->request.field_count)
		return false;
	*name = x->request.fields[i].name;
	*value = x->request.fields[i].value;
	return true;
}

const struct request *
tined_request(const struct tined_exchange *x)
{
	return &x->request;
}

bool
tined_content_length(const struct tined_exchange *x, uint64_t *length)
{
	*length = x->request.length;
	return x->request.framing != FRAMING_CHUNKED;
}

ssize_t
tined_read(struct tined_exchange *x, char *to, size_t size)
{
	return request_content_read(x, to, size);
}

void
tined_set_status(struct tined_exchange *x, int status)
{
	x->response.status = status;
}

int
tined_add_field(struct tined_exchange *x, struct text name, struct text value)
{
	return response_field(&x->response, name, value);
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
tined_no_sniffing(struct tined_exchange *x)
{
	response_no_sniffing(&x->response);
}

void
tined_add_lines(struct tined_exchange *x, struct text lines)
{
	response_add_fields(&x->response, lines);
}

void
tined_add_bytes(struct tined_exchange *x, const char *bytes, size_t len)
{
	response_add_bytes(&x->response, bytes, len);
}

void
tined_add_copy(struct tined_exchange *x, const char *bytes, size_t len)
{
	response_add_copy(&x->response, bytes, len);
}

struct buffer *
tined_text(struct tined_exchange *x)
{
	return &x->response.text;
}

void
tined_add_text(struct tined_exchange *x, size_t offset)
{
	response_add_text(&x->response, offset);
}

void
tined_set_file(struct tined_exchange *x, int fd)
{
	x->response.file = fd;
}

void
tined_add_file(struct tined_exchange *x, uint64_t offset, uint64_t length)
{
	response_add_file(&x->response, offset, length);
}

int
tined_write(struct tined_exchange *x, const char *bytes, size_t len)
{
	struct response *r = &x->response;

	r->streaming = true;
	buffer_add(&r->text, bytes, len);
	return r->text.len >= RESPONSE_STREAM_MAX ? respond_flush(x) : 0;
}

int
tined_flush(struct tined_exchange *x)
{
	return respond_flush(x);
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
		response_error(&x->response, status);
}

void
tined_advise(struct tined_exchange *x, const char *sentence)
{
	x->response.advice = sentence;
}

/* The master reloads soon, and not for each request. */
void
tined_want_reload(struct tined_exchange *x)
{
	const struct service *s = x->connection->service;

	if (s->master != NULL && scoreboard_want_reload(s->board))
		wakeup_send(s->master);
}
