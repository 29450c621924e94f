#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "connection/accounting.h"
#include "connection/answer.h"
#include "connection/request_content.h"
#include "connection/respond.h"
#include "http/request_head.h"
#include "http/uri.h"

/* How many local redirects may follow each other for one request. */
#define LOCAL_REDIRECTS_MAX 10

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

/* Finds the mount that answers the request: exchange.mount, or NULL. */
static void
route(struct tined_exchange *x)
{
	struct request *request = &x->request;

	x->mount = NULL;
	if (request->asterisk)
		return;
	request->ambiguous_path = uri_decode_path(request->raw_path, &x->path);
	request->path = buffer_text(&x->path);
	x->mount = site_route(
	    x->connection->service->site, request->path, &x->path_below);
}

/* True if a handler gets the request and may read its content. */
static bool
is_for_handler(const struct tined_exchange *x)
{
	return x->mount != NULL && !x->request.unencoded &&
	    (x->mount->methods & x->request.method) != 0;
}

/* Redirects to the same path and query, encoded: RFC 9112, 3.2. */
static void
redirect_to_encoded(const struct request *request, struct response *response)
{
	struct buffer location = {0};

	uri_add_path(&location, request->raw_path);
	if (request->has_query)
		uri_add_query(&location, request->query);
	response_status_page(response, 301);
	response_field(response, TEXT("Location"), buffer_text(&location));
	buffer_free(&location);
}

static struct quarantine_key
quarantine_key(const struct tined_exchange *x)
{
	return (struct quarantine_key){x->request.method, x->request.path};
}

/* Returns how long the request must not reach a handler, in nanoseconds. */
static int64_t
time_in_quarantine(const struct tined_exchange *x)
{
	const struct quarantine_key key = quarantine_key(x);

	if (x->connection->service->quarantine == NULL)
		return 0;
	return quarantine_left(
	    x->connection->service->quarantine, &key, x->began);
}

/* Whether a handler will read its content. */
static bool
is_wanted(const struct tined_exchange *x)
{
	return is_for_handler(x) && x->connection->allowed &&
	    !x->arrival.queue_timed_out &&
	    (x->mount->reads & x->request.method) != 0 &&
	    time_in_quarantine(x) == 0;
}

/* True if it must not reach a handler.  RFC 9110, 15.6.4. */
static bool
is_quarantined(struct tined_exchange *x)
{
	const struct quarantine_key key = quarantine_key(x);
	int64_t left = time_in_quarantine(x);

	if (left == 0) {
		if (x->connection->service->current_request != NULL)
			quarantine_enter(
			    x->connection->service->current_request, &key);
		return false;
	}
	response_status_page(&x->response, 503);
	response_printf_field(&x->response, "Retry-After", "%lld",
	    (long long)((left + CLOCK_SECOND - 1) / CLOCK_SECOND));
	return true;
}

static void
serve_target(struct tined_exchange *x)
{
	struct request *request = &x->request;
	struct response *response = &x->response;
	unsigned methods = x->mount != NULL ? x->mount->methods : METHODS_ALL;

	if (is_for_handler(x)) {
		if (!is_quarantined(x))
			mount_serve(x->mount, x);
	} else if (request->method == METHOD_OTHER) {
		response_status_page(
		    response, 501); /* another mount takes it */
	} else if (request->unencoded) {
		redirect_to_encoded(request, response);
	} else if (x->mount == NULL && !request->asterisk) {
		response_status_page(response, 404);
	} else if (request->asterisk || request->method == METHOD_OPTIONS) {
		answer_options(response, methods);
	} else {
		response_status_page(response, 405);
		add_allow(response, methods | METHOD_OPTIONS);
	}
}

/*
 * Makes it the request for the target of a local redirect, without content: what
 * the client has sent of that is discarded in the end.  Returns NULL, or why that
 * cannot be.
 */
static const char *
follow_redirect(struct tined_exchange *x)
{
	struct request *r = &x->request;
	struct buffer before = x->redirected;
	struct uri uri;

	x->redirected = x->redirect;
	x->redirect = before;
	buffer_clear(&x->redirect);
	r->target = buffer_text(&x->redirected);
	if (r->method != METHOD_HEAD)
		r->method = METHOD_GET;
	if (uri_parse(r->target, r->method, &uri) != 0 || uri.asterisk ||
	    uri.authority.len > 0)
		return "a local redirect to what is no path";
	r->raw_path = uri.path;
	r->query = uri.query;
	r->has_query = uri.has_query;
	r->unencoded = uri.unencoded;
	r->framing = FRAMING_NONE;
	r->length = 0;
	route(x);
	return NULL;
}

static void
answer_serve(struct tined_exchange *x)
{
	const char *mistake = NULL;

	buffer_clear(&x->redirect);
	serve_target(x);
	for (int n = 1; x->redirect.len > 0 && mistake == NULL; n++) {
		response_reset(&x->response);
		mistake = n > LOCAL_REDIRECTS_MAX
		    ? "too many local redirects in a row"
		    : follow_redirect(x);
		if (mistake == NULL)
			serve_target(x);
	}
	if (mistake != NULL)
		respond_refuse(x, mistake);
}

/* Returns the bytes of content that the kernel has taken for the client. */
static uint64_t
content_bytes(const struct tined_exchange *x)
{
	const struct output *out = &x->connection->out;

	if (!respond_has_content(x))
		return 0;
	return out->failed ? exchange_content_in(x, output_position(out))
			   : x->content_sent;
}

static uint64_t
bytes_sent(const struct tined_exchange *x)
{
	uint64_t end = output_position(&x->connection->out);

	return end > x->sent_before ? end - x->sent_before : 0;
}

/* A response that waits behind others in the output is sent now. */
static int64_t
first_byte_time(const struct tined_exchange *x, int64_t now)
{
	if (x->connection->out.began != 0)
		return x->connection->out.began - x->began;
	return x->connection->out.failed ? ACCESS_LOG_UNKNOWN : now - x->began;
}

static int
server_port(const struct tined_exchange *x)
{
	struct connection *c = x->connection;

	if (!c->service->log_format->wants_server_port)
		return -1;
	return peer_port(&connection_local(c)->address);
}

/* Without a lot the kernel alone knows. */
static int64_t
queue_time(const struct tined_exchange *x)
{
	if (x->connection->service->ready == NULL)
		return ACCESS_LOG_UNKNOWN;
	return x->arrival.ready_since != 0 ? x->began - x->arrival.ready_since
					   : 0;
}

static void
log_exchange(const struct tined_exchange *x, int64_t now)
{
	struct access_log_entry entry = {
	    .client = x->connection->peer.name,
	    .client_port = peer_port(&x->connection->peer.address),
	    .server_port = server_port(x),
	    .line = x->request.line,
	    .request = &x->request,
	    .head = buffer_text(&x->head),
	    .status = x->response.status,
	    .content = content_bytes(x),
	    .received = x->connection->in.taken - x->taken_before,
	    .sent = bytes_sent(x),
	    .duration = now - x->began,
	    .first_byte = first_byte_time(x, now),
	    .queued = queue_time(x),
	    .stall = x->stall,
	    .worker = x->connection->service->worker,
	    .requests = x->connection->requests,
	    .aborted = x->connection->out.failed,
	    .closes = x->connection->close_after,
	};

	clock_gettime(CLOCK_REALTIME, &entry.ended);
	access_log_write(x->connection->service->access_log,
	    x->connection->service->log_format, &entry);
}

static void
deliver(struct tined_exchange *x)
{
	score_enter(x->connection->service->score, SCORE_WRITING);
	if (x->response.wants_page)
		site_add_page(x->connection->service->site, &x->response);
	respond_finish(x);
}

/* The handler could not read what the client should have sent. */
static void
answer_failure(struct tined_exchange *x)
{
	connection_close_and_linger(x->connection);
	if (x->state == EXCHANGE_STREAMING) {
		output_flush(&x->connection->out);
		x->connection->out.failed =
		    true; /* cut off: it must not look whole */
		exchange_enter(x, EXCHANGE_ANSWERED);
		return;
	}
	response_status_page(&x->response, x->content_failure);
	deliver(x);
}

/* RFC 9110, 15.6.4: later is better than late. */
static void
answer_queue_timeout(struct response *response)
{
	response_status_page(response, 503);
	response_field(response, TEXT("Retry-After"), TEXT("1"));
}

/*
 * True if unread request content would hold this worker up.  If the head of the
 * response is already out, it promised keep-alive, so the content must be
 * drained.
 */
static bool
is_kept_waiting(struct tined_exchange *x)
{
	return service_has_lot(x->connection->service) &&
	    x->state == EXCHANGE_ANSWERING && !request_content_comes_soon(x);
}

static void
answer(struct tined_exchange *x)
{
	if (x->body.state == BODY_REFUSED)
		response_status_page(&x->response, x->body.status);
	else if (!x->connection->allowed)
		response_status_page(&x->response, 403);
	else if (x->arrival.queue_timed_out)
		answer_queue_timeout(&x->response);
	else
		answer_serve(x);
	if (x->content_failure != 0) {
		answer_failure(x);
		return;
	}
	if (request_content_is_too_much(x) || is_kept_waiting(x))
		connection_close_and_linger(x->connection);
	deliver(x);
	if (!x->connection->linger_after && !request_content_drain(x))
		connection_close_and_linger(x->connection);
}

/* Returns the request line, or its beginning, for the log. */
static struct text
first_line(struct text seen)
{
	size_t len = 0;

	while (len < seen.len && seen.at[len] != '\r' && seen.at[len] != '\n')
		len++;
	return (struct text){seen.at, len};
}

void
answer_refuse(struct tined_exchange *x, int status)
{
	struct connection *c = x->connection;
	struct request *request = &x->request;
	struct text unread = input_text(&c->in);

	if (request->line.len == 0)
		request->line = first_line(unread);
	respond_start(x);
	input_take(&c->in, unread.len);
	/* Refused before it was known, and still not to have content. */
	if (text_begins(request->line, TEXT("HEAD ")))
		request->method = METHOD_HEAD;
	request_content_none(x);
	log_info("refused with %d: \"%.*s\" from %s", status,
	    TEXT_ARG(request->line), c->peer.name);
	connection_close_and_linger(c);
	x->began = score_begin(c->service->score, request->line);
	response_status_page(&x->response, status);
	deliver(x);
}

bool
answer_request(struct tined_exchange *x, size_t len)
{
	assert(x->state == EXCHANGE_PARSED);
	x->began = score_begin(x->connection->service->score, x->request.line);
	route(x);
	request_content_start(x, len);
	if (is_wanted(x) && request_content_is_better_collected(x, len)) {
		/* The lot may not take it at once: that is no handler's time. */
		score_enter(x->connection->service->score, SCORE_READING);
		return false;
	}
	respond_start(x);
	input_take(&x->connection->in, len);
	input_hold(&x->connection->in);
	x->connection->close_after = !x->request.keep_alive ||
	    !x->connection->allowed || connection_is_last(x->connection);
	answer(x);
	if (x->connection->service->current_request != NULL)
		quarantine_leave(x->connection->service->current_request);
	return true;
}

/*
 * The line is written when the response has been handed to the kernel; unless
 * the next request is here, and the responses are to leave together.
 */
void
answer_conclude(struct tined_exchange *x)
{
	struct connection *c = x->connection;
	int64_t sent = 0;

	assert(x->state == EXCHANGE_ANSWERED);
	accounting_answer(x);
	if (c->close_after || input_text(&c->in).len == 0 ||
	    output_borrows(&c->out)) {
		output_flush(&c->out);
		sent = accounting_sent(c);
	}
	if (c->service->access_log->kind != LOGFILE_OFF)
		log_exchange(x, sent != 0 ? sent : clock_now());
	response_reset(&x->response);
	input_release(&c->in);
}
