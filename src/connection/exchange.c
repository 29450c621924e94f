#include <sys/socket.h>

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "connection/accounting.h"
#include "connection/exchange.h"
#include "connection/request_content.h"
#include "connection/respond.h"
#include "http/request_head.h"
#include "http/uri.h"

static void
add_allow(struct response *response, unsigned methods)
{
	struct buffer list = {0};

	method_list(&list, methods);
	response_field(response, TEXT("Allow"), buffer_text(&list));
	buffer_free(&list);
}

/* RFC 9110, 9.3.7 */
static void
answer_options(struct response *response, unsigned methods)
{
	response->status = 204;
	add_allow(response, methods | METHOD_OPTIONS);
}

/* Who is to answer it: client.mount, or NULL. */
static void
route(struct client *c)
{
	struct request *request = &c->request;

	c->mount = NULL;
	if (request->asterisk)
		return;
	request->ambiguous_path = uri_decode_path(request->raw_path, &c->path);
	request->path = buffer_text(&c->path);
	c->mount = site_route(c->service.site, request->path, &c->below);
}

/* Whether a handler gets it, and may want its content. */
static bool
is_for_handler(const struct client *c)
{
	return c->mount != NULL && !c->request.unencoded &&
	    (c->mount->mounted.methods & c->request.method) != 0;
}

/* To the same path and query, made valid: RFC 9112, 3.2. */
static void
redirect_to_encoded(const struct request *request, struct response *response)
{
	struct buffer location = {0};

	uri_add_path(&location, request->raw_path);
	if (request->has_query)
		uri_add_query(&location, request->query);
	response_error(response, 301);
	response_field(response, TEXT("Location"), buffer_text(&location));
	buffer_free(&location);
}

static struct quarantine_key
quarantine_key(const struct client *c)
{
	return (struct quarantine_key){c->request.method, c->request.path};
}

/* For how long it must not reach a handler, in nanoseconds. */
static int64_t
time_in_quarantine(const struct client *c)
{
	const struct quarantine_key key = quarantine_key(c);

	if (c->service.quarantine == NULL)
		return 0;
	return quarantine_left(c->service.quarantine, &key, c->began);
}

/* Whether a handler will read its content. */
static bool
is_wanted(const struct client *c)
{
	return is_for_handler(c) && c->allowed && !c->queue_timed_out &&
	    (c->mount->mounted.reads & c->request.method) != 0 &&
	    time_in_quarantine(c) == 0;
}

/* True if it must not reach a handler.  RFC 9110, 15.6.4. */
static bool
is_quarantined(struct client *c)
{
	const struct quarantine_key key = quarantine_key(c);
	int64_t left = time_in_quarantine(c);

	if (left == 0) {
		if (c->service.place != NULL)
			quarantine_enter(c->service.place, &key);
		return false;
	}
	response_error(&c->response, 503);
	response_printf_field(&c->response, "Retry-After", "%lld",
	    (long long)((left + CLOCK_SECOND - 1) / CLOCK_SECOND));
	return true;
}

/* The master does so soon, and not for each request. */
static void
ask_for_reload(const struct client *c)
{
	if (c->service.master != NULL &&
	    scoreboard_want_reload(c->service.board))
		wakeup_send(c->service.master);
}

static void
handle(struct client *c)
{
	if (is_quarantined(c))
		return;
	c->mount->handler->serve(
	    c->mount->mounted.state, &c->request, c->below, &c->response);
	if (c->response.wants_reload)
		ask_for_reload(c);
}

static void
serve(struct client *c)
{
	struct request *request = &c->request;
	struct response *response = &c->response;
	unsigned methods =
	    c->mount != NULL ? c->mount->mounted.methods : METHODS_ALL;

	if (is_for_handler(c)) {
		handle(c);
	} else if (request->unencoded) {
		redirect_to_encoded(request, response);
	} else if (c->mount == NULL && !request->asterisk) {
		response_error(response, 404);
	} else if (request->asterisk || request->method == METHOD_OPTIONS) {
		answer_options(response, methods);
	} else {
		response_error(response, 405);
		add_allow(response, methods | METHOD_OPTIONS);
	}
}

/* What reached the client, or at least the kernel. */
static uint64_t
content_bytes(const struct client *c)
{
	uint64_t end = output_position(&c->out);

	if (!c->out.failed)
		return c->content_sent;
	return end > c->content_from && c->head_sent ? end - c->content_from
						     : 0;
}

static uint64_t
bytes_sent(const struct client *c)
{
	uint64_t end = output_position(&c->out);

	return end > c->sent_before ? end - c->sent_before : 0;
}

/* What has not left yet, behind others, is leaving now. */
static int64_t
first_byte_time(const struct client *c, int64_t now)
{
	if (c->out.began != 0)
		return c->out.began - c->began;
	return c->out.failed ? ACCESS_LOG_UNKNOWN : now - c->began;
}

static int
server_port(const struct client *c)
{
	struct sockaddr_storage own;
	socklen_t size = sizeof(own);

	if (!c->service.log_format->wants_server_port ||
	    getsockname(c->fd, (struct sockaddr *)&own, &size) == -1)
		return -1;
	return peer_port(&own);
}

/* Without a lot the kernel alone knows. */
static int64_t
queue_time(const struct client *c)
{
	if (c->service.ready == NULL)
		return ACCESS_LOG_UNKNOWN;
	return c->ready != 0 ? c->began - c->ready : 0;
}

static void
log_exchange(
    struct client *c, struct text line, uint64_t received, int64_t queued)
{
	int64_t now = clock_now();
	struct access_log_entry entry = {
	    .client = c->peer.name,
	    .client_port = peer_port(&c->peer.address),
	    .server_port = server_port(c),
	    .line = line,
	    .request = &c->request,
	    .head = buffer_text(&c->head),
	    .status = c->response.status,
	    .content = content_bytes(c),
	    .received = received,
	    .sent = bytes_sent(c),
	    .duration = now - c->began,
	    .first_byte = first_byte_time(c, now),
	    .queued = queued,
	    .worker = c->service.worker,
	    .requests = c->requests,
	    .aborted = c->out.failed,
	    .closes = c->close,
	};

	clock_gettime(CLOCK_REALTIME, &entry.ended);
	access_log_write(c->service.access_log, c->service.log_format, &entry);
}

/*
 * The line is written when the response has been handed to the kernel; unless
 * the next request is here, and the responses are to leave together.
 */
static void
conclude(struct client *c, struct text line, uint64_t received)
{
	int64_t queued = queue_time(c);

	accounting_answer(c);
	if (c->close || input_text(&c->in).len == 0) {
		output_flush(&c->out);
		accounting_sent(c);
	}
	log_exchange(c, line, received, queued);
}

/* Framing is lost, or the client goes on sending: nothing more is read. */
static void
close_and_linger(struct client *c)
{
	c->close = true;
	c->linger = true;
}

static void
deliver(struct client *c)
{
	score_enter(c->service.score, SCORE_WRITING);
	if (c->response.wants_page)
		site_add_page(c->service.site, &c->response);
	respond_finish(c);
}

/* The handler could not read what the client should have sent. */
static void
answer_failure(struct client *c)
{
	close_and_linger(c);
	if (c->head_sent) {
		output_flush(&c->out);
		c->out.failed = true; /* cut off: it must not look whole */
		c->answering = false;
		return;
	}
	response_error(&c->response, c->failure);
	deliver(c);
}

/* RFC 9110, 15.6.4: later is better than late. */
static void
answer_queue_timeout(struct response *response)
{
	response_error(response, 503);
	response_field(response, TEXT("Retry-After"), TEXT("1"));
}

/*
 * By a client whose content no handler has read.  Whoever has a head already
 * has been told that the connection goes on.
 */
static bool
is_kept_waiting(struct client *c)
{
	return client_has_lot(c) && !c->head_sent &&
	    !request_content_comes_soon(c);
}

static void
answer(struct client *c)
{
	if (c->body.state == BODY_REFUSED)
		response_error(&c->response, c->body.status);
	else if (!c->allowed)
		response_error(&c->response, 403);
	else if (c->queue_timed_out)
		answer_queue_timeout(&c->response);
	else
		serve(c);
	if (c->failure != 0) {
		answer_failure(c);
		return;
	}
	if (request_content_is_too_much(c) || is_kept_waiting(c))
		close_and_linger(c);
	deliver(c);
	if (!c->linger && !request_content_drain(c))
		close_and_linger(c);
}

bool
exchange_answer(struct client *c, size_t len)
{
	const char *head = input_text(&c->in).at;
	int status;

	request_reset(&c->request);
	status = request_head_parse(head, len, &c->request);
	c->request.peer = &c->peer;
	c->began = score_begin(c->service.score, c->request.line);
	if (status != 0) {
		respond_start(c);
		exchange_refuse(c, status);
		return true;
	}
	route(c);
	request_content_start(c, len);
	if (is_wanted(c) && request_content_is_better_collected(c, len))
		return false;
	respond_start(c);
	input_take(&c->in, len);
	input_hold(&c->in);
	c->close = !c->request.keep_alive || !c->allowed || client_is_last(c);
	answer(c);
	if (c->service.place != NULL)
		quarantine_leave(c->service.place);
	conclude(c, c->request.line, c->in.taken - c->taken_before);
	response_reset(&c->response);
	input_release(&c->in);
	return true;
}

/* What there is of a request line, for the log. */
static struct text
first_line(struct client *c)
{
	struct text seen = input_text(&c->in);
	size_t len = 0;

	while (len < seen.len && seen.at[len] != '\r' && seen.at[len] != '\n')
		len++;
	return (struct text){seen.at, len};
}

void
exchange_refuse(struct client *c, int status)
{
	struct text line = c->request.line;

	if (line.len == 0)
		line = first_line(c);
	/* Refused before it was known, and still not to have content. */
	if (text_begins(line, TEXT("HEAD ")))
		c->request.method = METHOD_HEAD;
	request_content_none(c);
	log_info("refused with %d: \"%.*s\" from %s", status, TEXT_ARG(line),
	    c->peer.name);
	close_and_linger(c);
	c->began = score_begin(c->service.score, line);
	response_error(&c->response, status);
	deliver(c);
	conclude(c, line, input_text(&c->in).len);
	response_reset(&c->response);
}
