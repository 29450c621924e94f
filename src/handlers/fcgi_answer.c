#include "handlers/builtin.h"
#include "handlers/cgi_exchange.h"
#include "handlers/fcgi_answer.h"
#include "http/status_code.h"

void
fcgi_answer_reset(struct fcgi_answer *a)
{
	a->records = (struct fcgi_record_reader){0};
	a->state = FCGI_ANSWER_HEAD;
	a->looked = 0;
	a->has_length = false;
	a->left = 0;
	buffer_shrink(&a->head, CGI_RESPONSE_HEAD_MAX);
	buffer_clear(&a->redirect);
}

void
fcgi_answer_free(struct fcgi_answer *a)
{
	buffer_free(&a->head);
	buffer_free(&a->redirect);
	buffer_free(&a->wrong);
	error_lines_free(&a->errors);
}

static void
fcgi_answer_add_content(struct upstream_request *r, struct text content)
{
	if (content.len > 0)
		fcgi_record_add_content(r->out, FCGI_RECORD_STDIN, content);
	else
		fcgi_record_add_end(r->out, FCGI_RECORD_STDIN);
}

/* ---- The output ---- */

/* RFC 9110, 8.6: what is longer than was declared is cut there. */
static enum upstream_progress
fcgi_answer_write_content(
    struct fcgi_answer *a, struct upstream_request *r, struct text content)
{
	if (a->has_length && content.len >= a->left) {
		content.len = (size_t)a->left;
		a->state = FCGI_ANSWER_DISCARD;
	}
	if (a->has_length)
		a->left -= content.len;
	if (content.len > 0 && tined_write(r->x, content.at, content.len) == -1)
		return UPSTREAM_UNSENT;
	r->content_begun |= content.len > 0;
	r->is_complete = a->has_length && a->left == 0;
	return UPSTREAM_MORE;
}

/*
 * False if the response has no content, and so no bytes that its Content-Length
 * counts (RFC 9110, 6.4.1, 8.6, 15.3.6).
 */
static bool
fcgi_answer_has_content(
    const struct upstream_request *r, const struct cgi_response *response)
{
	return status_code_may_have_content(response->status) &&
	    !tined_is_method(r->x, "HEAD");
}

/*
 * The head is all that the client gets, whatever the application writes.  If it
 * has no length, it is sent now: later the server would add a Content-Length of 0,
 * and a GET has another.
 */
static enum upstream_progress
end_with_head(struct fcgi_answer *a, struct upstream_request *r,
    const struct cgi_response *response)
{
	a->state = FCGI_ANSWER_DISCARD;
	r->is_complete = true;
	if (response->has_length || !tined_is_method(r->x, "HEAD"))
		return UPSTREAM_MORE;
	return tined_flush(r->x) == -1 ? UPSTREAM_UNSENT : UPSTREAM_MORE;
}

static enum upstream_progress
fcgi_answer_begin_response(
    struct fcgi_answer *a, struct upstream_request *r, struct text head)
{
	struct cgi_response response;
	const char *wrong = cgi_exchange_begin_response(r->x, head, &response);

	if (wrong != NULL) {
		buffer_clear(&a->wrong);
		buffer_printf(
		    &a->wrong, "its response has a bad head: %s", wrong);
		r->why = buffer_string(&a->wrong);
		return UPSTREAM_BAD;
	}
	if (response.local_redirect) {
		buffer_add_text(&a->redirect, response.location);
		a->state = FCGI_ANSWER_DISCARD;
		return UPSTREAM_MORE;
	}
	r->begun = true;
	if (!fcgi_answer_has_content(r, &response))
		return end_with_head(a, r, &response);
	a->state = FCGI_ANSWER_CONTENT;
	a->has_length = response.has_length;
	a->left = response.length;
	return UPSTREAM_MORE;
}

static enum upstream_progress
fcgi_answer_take_head(
    struct fcgi_answer *a, struct upstream_request *r, struct text piece)
{
	enum upstream_progress progress;
	struct text seen;
	size_t len;

	buffer_add_text(&a->head, piece);
	seen = buffer_text(&a->head);
	len = cgi_response_head_length(seen, &a->looked);
	if (len > CGI_RESPONSE_HEAD_MAX ||
	    (len == 0 && seen.len >= CGI_RESPONSE_HEAD_MAX)) {
		r->why = "its response has a head of more than 64 KiB";
		return UPSTREAM_BAD;
	}
	if (len == 0)
		return UPSTREAM_MORE;
	progress =
	    fcgi_answer_begin_response(a, r, (struct text){seen.at, len});
	if (a->state != FCGI_ANSWER_CONTENT)
		return progress;
	return fcgi_answer_write_content(
	    a, r, (struct text){seen.at + len, seen.len - len});
}

static enum upstream_progress
fcgi_answer_take_output(
    struct fcgi_answer *a, struct upstream_request *r, struct text piece)
{
	switch (a->state) {
	case FCGI_ANSWER_HEAD:
		return fcgi_answer_take_head(a, r, piece);
	case FCGI_ANSWER_CONTENT:
		return fcgi_answer_write_content(a, r, piece);
	case FCGI_ANSWER_DISCARD:
		break;
	}
	return UPSTREAM_MORE;
}

/* ---- The end ---- */

static enum upstream_progress
complain(struct upstream_request *r, const char *why)
{
	r->why = why;
	return UPSTREAM_BAD;
}

static enum upstream_progress
fcgi_answer_take_status(const struct fcgi_answer *a, struct upstream_request *r)
{
	switch (a->records.status) {
	case FCGI_RECORD_REQUEST_COMPLETE:
		break;
	case FCGI_RECORD_OVERLOADED:
		r->why = "it is overloaded (FCGI_OVERLOADED)";
		return UPSTREAM_BUSY;
	case FCGI_RECORD_CANNOT_MULTIPLEX:
		return complain(r,
		    "it has refused the request (FCGI_CANT_MPX_CONN), though "
		    "the connection has no other one");
	case FCGI_RECORD_UNKNOWN_ROLE:
		return complain(r, "it is no responder (FCGI_UNKNOWN_ROLE)");
	}
	return UPSTREAM_DONE;
}

static enum upstream_progress
take_ended(const struct fcgi_answer *a, struct upstream_request *r)
{
	enum upstream_progress progress = fcgi_answer_take_status(a, r);

	if (progress != UPSTREAM_DONE)
		return progress;
	if (a->state == FCGI_ANSWER_HEAD)
		return complain(r,
		    a->head.len == 0
			? "it has ended the request without a response"
			: "its response has no empty line behind its head");
	if (a->has_length && a->left > 0)
		return complain(
		    r, "its response is shorter than its Content-Length");
	return UPSTREAM_DONE;
}

static enum upstream_progress
fcgi_answer_take(struct upstream_request *r, struct text seen, size_t *used)
{
	struct fcgi_answer *a = r->state;
	struct text rest = seen, piece = {NULL, 0};
	enum fcgi_record_event event =
	    fcgi_record_read(&a->records, &rest, &piece);

	*used = seen.len - rest.len;
	switch (event) {
	case FCGI_RECORD_MORE:
		break;
	case FCGI_RECORD_OUT:
		return fcgi_answer_take_output(a, r, piece);
	case FCGI_RECORD_ERR:
		error_lines_add(&a->errors, r->x, r->server, piece);
		break;
	case FCGI_RECORD_ENDED:
		return take_ended(a, r);
	case FCGI_RECORD_WRONG:
		return complain(r, a->records.mistake);
	}
	return UPSTREAM_MORE;
}

/* Some applications close the connection in place of FCGI_END_REQUEST. */
static enum upstream_progress
fcgi_answer_take_end(struct upstream_request *r)
{
	return r->is_complete ? UPSTREAM_DONE : UPSTREAM_BAD;
}

const struct upstream_protocol fcgi_answer_protocol = {
    .add_content = fcgi_answer_add_content,
    .take = fcgi_answer_take,
    .take_end = fcgi_answer_take_end,
};

void
fcgi_answer_end(
    struct fcgi_answer *a, const struct upstream_request *r, int result)
{
	error_lines_end(&a->errors, r->x, r->server != NULL ? r->server : "");
	if (result == 0 && a->redirect.len > 0)
		builtin_redirect(r->x, buffer_text(&a->redirect));
}
