#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/errno_kind.h"
#include "base/memory.h"
#include "handlers/builtin.h"
#include "handlers/cgi_exchange.h"
#include "handlers/cgi_relay.h"

/* As much of the request is read at a time; the size of a pipe. */
#define CONTENT_SIZE (64 << 10)
/* As much of the response is read at a time. */
#define HEAD_PIECE (4 << 10)
#define PIECE (64 << 10)
/*
 * A program that has written its head often ends soon: then its response leaves
 * in one send, with its length.
 */
#define GATHER_TIME (10 * CLOCK_MILLISECOND)
/*
 * A client that has closed its connection looks as one that has sent all that it
 * will send, and waits: so the program has this time to end.
 */
#define GONE_TIME (1000 * CLOCK_MILLISECOND)

/* So many pieces of ERROR_LINES_MAX are a full pipe. */
#define LAST_ERRORS ((64 << 10) / ERROR_LINES_MAX)

enum { OUTPUT, ERRORS, INPUT, END, FDS };

void
cgi_relay_init(struct cgi_relay *r)
{
	*r = (struct cgi_relay){.content = memory_get(CONTENT_SIZE)};
	cgi_program_init(&r->program);
}

void
cgi_relay_free(struct cgi_relay *r)
{
	cgi_program_free(&r->program);
	buffer_free(&r->head);
	buffer_free(&r->redirect);
	error_lines_free(&r->errors);
	free(r->content);
}

static void
make_progress(struct cgi_relay *r)
{
	r->deadline = clock_now() + r->limit;
}

/*
 * The program ends now, and the client gets the status code, or is cut off: what
 * it has received must not look complete.
 */
static void
cgi_relay_fail(struct cgi_relay *r, int status)
{
	cgi_program_kill(&r->program);
	r->state = CGI_RELAY_FAILED;
	builtin_fail(r->x, status);
}

/* The client has failed.  If the server knows why, it answers by that. */
static void
cgi_relay_give_up(struct cgi_relay *r)
{
	cgi_relay_fail(r, 400);
}

/* Standard error. */

static void
take_errors(struct cgi_relay *r)
{
	char piece[ERROR_LINES_MAX];
	ssize_t n = read(r->program.errs, piece, sizeof(piece));

	if (n > 0)
		error_lines_add(
		    &r->errors, r->x, r->name, (struct text){piece, (size_t)n});
	else if (n == 0 || errno != EINTR)
		cgi_program_close(&r->program.errs);
}

/*
 * What it has left there, at most a full pipe: another process may have it open
 * still, and go on writing.
 */
static void
take_last_errors(struct cgi_relay *r)
{
	struct pollfd errs = {.fd = r->program.errs, .events = POLLIN};

	for (int i = 0;
	     i < LAST_ERRORS && r->program.errs != -1 && poll(&errs, 1, 0) == 1;
	     i++)
		take_errors(r);
	error_lines_end(&r->errors, r->x, r->name);
}

/* The content of the request. */

static bool
cgi_relay_has_content(const struct cgi_relay *r)
{
	return r->program.in != -1 && r->content_at < r->content_end;
}

static bool
cgi_relay_wants_content(const struct cgi_relay *r)
{
	return r->program.in != -1 && r->content_at == r->content_end;
}

static void
cgi_relay_take_content(struct cgi_relay *r)
{
	ssize_t n =
	    builtin_read_content(r->x, &r->source, r->content, CONTENT_SIZE);

	r->content_at = r->content_end = 0;
	if (n > 0)
		r->content_end = (size_t)n;
	else if (n == 0)
		cgi_program_close(&r->program.in);
	else if (r->source.file != -1)
		cgi_relay_fail(r, 503);
	else if (errno != EAGAIN)
		cgi_relay_give_up(r);
	make_progress(r); /* it had nothing to read before */
}

/* A program that does not read, or has ended, gets no more. */
static void
give_content(struct cgi_relay *r)
{
	ssize_t n = write(r->program.in, r->content + r->content_at,
	    r->content_end - r->content_at);

	if (n > 0) {
		r->content_at += (size_t)n;
		make_progress(r);
	} else if (n == -1 && errno != EAGAIN && errno != EINTR) {
		cgi_program_close(&r->program.in);
	}
}

/* The response. */

static void
cgi_relay_begin_response(struct cgi_relay *r, struct text head)
{
	struct cgi_response response;
	const char *wrong = cgi_exchange_begin_response(r->x, head, &response);

	if (wrong != NULL) {
		tined_log(r->x, TINED_ERROR,
		    "%s has written a bad head: %s; it is answered 500",
		    r->name, wrong);
		cgi_relay_fail(r, 500);
		return;
	}
	if (response.local_redirect) {
		buffer_add_text(&r->redirect, response.location);
		r->state = CGI_RELAY_DISCARD;
		return;
	}
	r->state = CGI_RELAY_CONTENT;
	r->gather_until = clock_now() + GATHER_TIME;
	r->has_length = response.has_length;
	r->left = response.length;
	/* Programs write no content for HEAD: that does not make it empty. */
	if (!r->has_length && tined_is_method(r->x, "HEAD") &&
	    tined_flush(r->x) == -1)
		cgi_relay_give_up(r);
}

/* RFC 9110, 8.6: what is longer than was declared is cut there. */
static size_t
allowed(struct cgi_relay *r, size_t len)
{
	if (r->has_length && len > r->left)
		len = (size_t)r->left;
	return len;
}

static void
note_written(struct cgi_relay *r, size_t len)
{
	if (!r->has_length)
		return;
	r->left -= len;
	if (r->left == 0)
		r->state = CGI_RELAY_DISCARD;
}

/* What has come with the head. */
static void
write_first(struct cgi_relay *r, struct text content)
{
	content.len = allowed(r, content.len);
	if (content.len > 0 &&
	    tined_write(r->x, content.at, content.len) == -1) {
		cgi_relay_give_up(r);
		return;
	}
	note_written(r, content.len);
}

static void
end_output(struct cgi_relay *r)
{
	cgi_program_close(&r->program.out);
}

static void
cgi_relay_take_head(struct cgi_relay *r)
{
	char *to = buffer_reserve(&r->head, HEAD_PIECE);
	ssize_t n = read(r->program.out, to, HEAD_PIECE);
	struct text seen;
	size_t len;

	if (n == 0 || (n == -1 && errno != EINTR))
		end_output(r);
	if (n <= 0)
		return;
	r->head.len += (size_t)n;
	seen = buffer_text(&r->head);
	len = cgi_response_head_length(seen, &r->looked);
	if (len > 0) {
		cgi_relay_begin_response(r, (struct text){seen.at, len});
		if (r->state == CGI_RELAY_CONTENT)
			write_first(
			    r, (struct text){seen.at + len, seen.len - len});
	} else if (seen.len >= CGI_RESPONSE_HEAD_MAX) {
		tined_log(r->x, TINED_ERROR,
		    "%s has written %zu bytes without an empty line, which "
		    "would end its head; it is answered 500",
		    r->name, seen.len);
		cgi_relay_fail(r, 500);
	}
}

static void
take_piece(struct cgi_relay *r)
{
	ssize_t n = tined_splice(r->x, r->program.out, allowed(r, PIECE));

	if (n > 0)
		note_written(r, (size_t)n);
	else if (n == 0)
		end_output(r);
	else
		cgi_relay_give_up(r);
}

static void
discard_piece(struct cgi_relay *r)
{
	char piece[HEAD_PIECE];
	ssize_t n = read(r->program.out, piece, sizeof(piece));

	if (n == 0 || (n == -1 && errno != EINTR))
		end_output(r);
}

static void
cgi_relay_take_output(struct cgi_relay *r)
{
	switch (r->state) {
	case CGI_RELAY_HEAD:
		cgi_relay_take_head(r);
		break;
	case CGI_RELAY_CONTENT:
		take_piece(r);
		break;
	case CGI_RELAY_DISCARD:
		discard_piece(r);
		break;
	case CGI_RELAY_FAILED:
		break;
	}
	/* It may have waited for the client; what is discarded is no progress. */
	if (r->state != CGI_RELAY_DISCARD)
		make_progress(r);
}

/* The wait for both. */

static void
fill_fds(const struct cgi_relay *r, struct pollfd fds[FDS])
{
	fds[OUTPUT] = (struct pollfd){.fd = r->program.out, .events = POLLIN};
	fds[ERRORS] = (struct pollfd){.fd = r->program.errs, .events = POLLIN};
	fds[INPUT] =
	    (struct pollfd){.fd = cgi_relay_has_content(r) ? r->program.in : -1,
		.events = POLLOUT};
	/* While its output is open, its end changes nothing. */
	fds[END] = (struct pollfd){
	    .fd = r->program.out == -1 ? r->program.end : -1, .events = POLLIN};
}

static int64_t
cgi_relay_next_deadline(const struct cgi_relay *r)
{
	/* The server limits how long it waits for the client. */
	int64_t end = cgi_relay_wants_content(r) ? CLOCK_NEVER : r->deadline;

	if (r->client_gone != 0)
		end = clock_sooner(end, r->client_gone + GONE_TIME);
	return end;
}

static void
note_gone(struct cgi_relay *r)
{
	if (r->client_gone == 0)
		r->client_gone = clock_now();
}

/*
 * Waits until one of them is ready, but not longer than the program and the
 * client may take.  False: the client has failed.
 */
static bool
cgi_relay_wait_for_any(struct cgi_relay *r, struct pollfd fds[FDS])
{
	unsigned events = r->client_gone != 0 ? 0 : TINED_CLIENT_GONE;
	bool wants = cgi_relay_wants_content(r);

	if (clock_now() < r->gather_until) {
		struct timespec left = clock_until(r->gather_until);

		return ppoll(fds, FDS, &left, NULL) >= 0 || errno == EINTR;
	}
	if (wants)
		events |= TINED_CONTENT;
	if (tined_wait(r->x, fds, FDS,
		clock_milliseconds_until(cgi_relay_next_deadline(r)),
		&events) == -1)
		return false;
	if ((events & TINED_CLIENT_GONE) != 0)
		note_gone(r);
	if ((events & TINED_CONTENT) != 0)
		cgi_relay_take_content(r);
	return true;
}

/* True if the client lacks nothing of the response. */
static bool
is_complete(const struct cgi_relay *r)
{
	return r->state != CGI_RELAY_HEAD &&
	    (r->program.out == -1 || (r->has_length && r->left == 0));
}

/* False once the time of the program is over. */
static bool
is_in_time(struct cgi_relay *r)
{
	int64_t now = clock_now();
	bool gone = r->client_gone != 0 && now >= r->client_gone + GONE_TIME;

	if (now < cgi_relay_next_deadline(r))
		return true;
	if (gone)
		tined_log(r->x, TINED_INFO, "%s is killed: its client has gone",
		    r->name);
	else
		tined_log(r->x, TINED_ERROR,
		    "%s is killed: it has neither read nor written for %lld ms",
		    r->name, (long long)(r->limit / CLOCK_MILLISECOND));
	if (is_complete(r))
		cgi_program_kill(&r->program);
	else
		cgi_relay_fail(r, gone ? 400 : 504);
	return false;
}

/* Returns false when the program has ended, or has been killed. */
static bool
step(struct cgi_relay *r)
{
	struct pollfd fds[FDS];

	if (r->source.file != -1 && cgi_relay_wants_content(r))
		cgi_relay_take_content(r);
	if (r->state == CGI_RELAY_FAILED)
		return false;
	fill_fds(r, fds);
	if (!cgi_relay_wait_for_any(r, fds)) {
		cgi_relay_give_up(r);
		return false;
	}
	if (r->state != CGI_RELAY_FAILED && fds[ERRORS].revents != 0)
		take_errors(r);
	if (r->state != CGI_RELAY_FAILED && fds[INPUT].revents != 0)
		give_content(r);
	if (r->state != CGI_RELAY_FAILED && fds[OUTPUT].revents != 0)
		cgi_relay_take_output(r);
	return r->state != CGI_RELAY_FAILED && fds[END].revents == 0 &&
	    is_in_time(r);
}

/* The end. */

static void
refuse_no_head(struct cgi_relay *r, int status)
{
	tined_log(r->x, TINED_ERROR,
	    "%s has ended with status %d and %s; it is answered 500", r->name,
	    WEXITSTATUS(status),
	    r->head.len == 0 ? "has written nothing"
			     : "has not written an empty line behind its head");
	tined_error(r->x, 500);
}

/* What a program that has crashed has written must not look complete. */
static void
refuse_crash(struct cgi_relay *r, int signo)
{
	tined_log(r->x, TINED_ERROR, "%s has been killed by signal %d (%s)",
	    r->name, signo, strsignal(signo));
	if (!r->has_length || r->left > 0)
		builtin_fail(r->x, 500);
}

static void
cgi_relay_conclude(struct cgi_relay *r)
{
	int status = 0;

	if (r->state == CGI_RELAY_FAILED)
		return;
	if (r->program.pid != 0) {
		take_last_errors(r);
		(void)cgi_program_wait(&r->program, CLOCK_NEVER, &status);
	}
	if (WIFSIGNALED(status))
		refuse_crash(r, WTERMSIG(status));
	else if (r->state == CGI_RELAY_HEAD)
		refuse_no_head(r, status);
	else if (r->redirect.len > 0)
		builtin_redirect(r->x, buffer_text(&r->redirect));
}

static void
reset(struct cgi_relay *r)
{
	r->state = CGI_RELAY_HEAD;
	r->gather_until = r->client_gone = 0;
	r->looked = 0;
	r->has_length = false;
	r->left = 0;
	r->content_at = r->content_end = 0;
	buffer_shrink(&r->head, CGI_RESPONSE_HEAD_MAX);
	buffer_clear(&r->redirect);
	error_lines_clear(&r->errors);
}

/*
 * The sandbox refuses an interpreter that no program needed when it was made, and
 * one that was replaced since: the kernel then says the same as of a program that
 * is not executable.
 */
static const char *
remedy(const char *path, int error)
{
	if (error != EACCES || access(path, X_OK) == -1)
		return "";
	return " (if its interpreter is new since the server started or was "
	       "reloaded, reload it)";
}

/* EAGAIN is a limit on processes. */
static void
refuse_to_start(struct cgi_relay *r, const char *path)
{
	int error = errno;
	int status = errno_is_shortage(error) || error == EAGAIN ? 503 : 500;

	tined_log(r->x, TINED_ERROR, "cannot run %s: %s%s", path,
	    strerror(error), remedy(path, error));
	tined_error(r->x, status);
}

void
cgi_relay_run(struct cgi_relay *r, struct tined_exchange *x,
    const struct cgi_command *c, const struct builtin_content *content)
{
	reset(r);
	r->x = x;
	r->source = *content;
	if (cgi_program_start(&r->program, c) == -1) {
		refuse_to_start(r, c->path);
		return;
	}
	make_progress(r);
	while (step(r))
		continue;
	cgi_relay_conclude(r);
}
