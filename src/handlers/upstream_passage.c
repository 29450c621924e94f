#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/errno_kind.h"
#include "base/memory.h"
#include "handlers/builtin.h"
#include "handlers/upstream_dial.h"
#include "handlers/upstream_passage.h"

/* For content that waits for a word of the server: RFC 9110, 10.1.1. */
#define CONTENT_PATIENCE CLOCK_SECOND
/* A client may have closed its half, and wait; or it may be gone for good. */
#define CLOSED_PATIENCE CLOCK_SECOND
/* The head of a response leaves with content that comes so soon. */
#define HEAD_PATIENCE_MS 10
/* How long a queue that was full is left alone. */
#define BUSY_PAUSE_MS 10

/* Content is read in pieces, and not while so much is to be sent. */
#define PIECE ((size_t)16 << 10)
#define OUT_MAX ((size_t)64 << 10)
/*
 * What was received, for the request that this worker serves.  No array: workers
 * that pass nothing on have no pages of it, and their other data lies together.
 */
static struct buffer received;

enum passage_end {
	PASSAGE_OPEN,
	PASSAGE_DONE,
	PASSAGE_CLIENT, /* the client is gone, or does not send what it must */
	PASSAGE_FAILED, /* with a status code and words */
};

struct passage {
	struct upstream_request *r;
	enum passage_end end;
	int status; /* if PASSAGE_FAILED */

	struct upstream_dial dial;
	int fd;		/* -1: not connected */
	bool was_kept;	/* by the worker, after another request */
	bool connected; /* else connect(2) is under way */

	/* The request: */
	size_t sent;	   /* of r->out */
	bool forgot;	   /* what was sent is not all in r->out any more */
	bool has_sent;	   /* anything by this connection */
	bool cannot_write; /* the server does not read any more */
	bool is_writable;
	bool content_open;  /* more of it is to come from the client */
	bool content_ready; /* perhaps now */
	int64_t content_waits_until;

	/* The response, of which len bytes from there are not taken: */
	char *in; /* UPSTREAM_IN_MAX bytes */
	size_t from, len;
	bool has_received; /* anything by this connection */
	bool is_readable;
	bool has_blocked; /* for the first byte */
	bool head_is_out;

	int64_t progress; /* when a byte has gone one way or the other */
	/* When the client closed the connection, or its half of it; 0: not yet. */
	int64_t client_closed;
};

__attribute__((format(printf, 3, 4))) static void
passage_fail(struct passage *p, int status, const char *format, ...)
{
	va_list args;
	char *words;

	p->end = PASSAGE_FAILED;
	p->status = status;
	va_start(args, format);
	words = memory_vprintf(format, args);
	va_end(args);
	tined_log(p->r->x, p->r->is_complete ? TINED_INFO : TINED_ERROR,
	    "upstream %s: %s", p->dial.server->name, words);
	free(words);
}

static size_t
left_to_send(const struct passage *p)
{
	return p->cannot_write ? 0 : p->r->out->len - p->sent;
}

/* -- Connections -- */

static void
disconnect(struct passage *p)
{
	if (p->fd != -1)
		close(p->fd);
	p->fd = -1;
}

/* Everything of the request is to be sent, by a connection that is new to it. */
static void
begin_connection(struct passage *p, int fd, int64_t born, bool was_kept)
{
	p->fd = fd;
	p->dial.born = born;
	p->was_kept = was_kept;
	p->connected = was_kept;
	p->sent = 0;
	p->has_sent = p->has_received = p->cannot_write = false;
	p->is_writable = true;
	p->is_readable = false;
	p->from = p->len = 0;
	p->progress = clock_now();
}

/* This address cannot be reached: another one, another server, or a failure. */
static void
cannot_connect(struct passage *p, int error, const char *why)
{
	unsigned events = 0;

	disconnect(p);
	switch (upstream_dial_fail(&p->dial, error, why)) {
	case UPSTREAM_DIAL_NOW:
		break;
	case UPSTREAM_DIAL_LATER:
		if (tined_wait(p->r->x, NULL, 0, BUSY_PAUSE_MS, &events) == -1)
			p->end = PASSAGE_CLIENT;
		break;
	case UPSTREAM_DIAL_NEVER:
		passage_fail(p, error == ETIMEDOUT ? 504 : 503,
		    errno_is_shortage(error)
			? "cannot connect: %s; that is not its fault"
			: "cannot connect: %s",
		    why);
	}
	p->r->server = p->dial.server->name;
}

static void
connect_now(struct passage *p)
{
	int fd = upstream_dial_connect(&p->dial);

	if (fd != -1)
		begin_connection(p, fd, p->dial.born, false);
	else
		cannot_connect(p, errno,
		    errno == EAGAIN ? "its queue is full" : strerror(errno));
}

/*
 * A kept connection that has had no answer was closed, most likely, before the
 * request came.
 */
static bool
upstream_passage_may_try_again(const struct passage *p)
{
	return p->was_kept && !p->has_received && !p->forgot &&
	    (p->r->is_idempotent || !p->has_sent);
}

static void
connection_fails(struct passage *p, int error, const char *why)
{
	if (!p->connected) {
		cannot_connect(p, error, why);
	} else if (upstream_passage_may_try_again(p)) {
		disconnect(p);
		p->dial.born = 0;
	} else {
		if (!p->was_kept && !p->has_received)
			upstream_dial_blame(&p->dial, why);
		passage_fail(p, 502, "%s", why);
	}
}

/* -- The request -- */

/* What was sent is kept as long as a second attempt might need it. */
static void
upstream_passage_make_room(struct passage *p)
{
	struct buffer *out = p->r->out;

	if (p->sent == 0 ||
	    (p->was_kept && !p->has_received && out->len + PIECE <= OUT_MAX))
		return;
	memmove(out->data, out->data + p->sent, out->len - p->sent);
	out->len -= p->sent;
	p->sent = 0;
	p->forgot = true;
}

static bool
upstream_passage_wants_content(const struct passage *p)
{
	return p->content_open && !p->r->content_waits && !p->cannot_write &&
	    left_to_send(p) + PIECE <= OUT_MAX;
}

static void
upstream_passage_read_content(struct passage *p)
{
	char piece[PIECE];
	ssize_t n = builtin_read_content(p->r->x, &p->r->content, piece, PIECE);

	if (n == -1) {
		p->content_ready = false;
		if (p->r->content.file != -1)
			passage_fail(p, 503, "cannot read the content: %s",
			    strerror(errno));
		else if (errno != EAGAIN)
			p->end = PASSAGE_CLIENT;
		return;
	}
	upstream_passage_make_room(p);
	p->content_open = n > 0;
	p->r->protocol->add_content(p->r, (struct text){piece, (size_t)n});
}

/*
 * A server that reads no more may have answered: what it says counts.
 */
static void
upstream_passage_send_more(struct passage *p)
{
	struct buffer *out = p->r->out;
	ssize_t n = send(p->fd, out->data + p->sent, left_to_send(p),
	    MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n >= 0) {
		p->connected = p->has_sent = true;
		p->sent += (size_t)n;
		p->progress = clock_now();
		p->is_writable = left_to_send(p) == 0;
	} else if (errno == EAGAIN || errno == EINTR) {
		p->is_writable = errno == EINTR;
	} else if (!p->connected || !p->has_sent) {
		connection_fails(p, errno, strerror(errno));
	} else {
		p->cannot_write = true;
		p->is_readable = true;
	}
}

/* -- The response -- */

static void
take_progress(struct passage *p, enum upstream_progress progress)
{
	switch (progress) {
	case UPSTREAM_MORE:
		break;
	case UPSTREAM_DONE:
		p->end = PASSAGE_DONE;
		break;
	case UPSTREAM_BAD:
		passage_fail(p, 502, "%s", p->r->why);
		break;
	case UPSTREAM_BUSY:
		upstream_dial_blame(&p->dial, p->r->why);
		passage_fail(p, 503, "%s", p->r->why);
		break;
	case UPSTREAM_UNSENT:
		p->end = PASSAGE_CLIENT;
		break;
	}
}

static void
take_received(struct passage *p)
{
	size_t used = 1;

	while (p->end == PASSAGE_OPEN && p->len > 0 && used > 0) {
		used = 0;
		take_progress(p,
		    p->r->protocol->take(
			p->r, (struct text){p->in + p->from, p->len}, &used));
		p->from += used;
		p->len -= used;
	}
	if (p->len == 0)
		p->from = 0;
}

/* Makes room for more behind what is there. */
static bool
settle_received(struct passage *p)
{
	if (p->from > 0)
		memmove(p->in, p->in + p->from, p->len);
	p->from = 0;
	return p->len < UPSTREAM_IN_MAX;
}

static void
upstream_passage_receive_end(struct passage *p)
{
	if (!p->has_received) {
		connection_fails(p, ECONNRESET,
		    "it closed the connection, and sent nothing");
		return;
	}
	p->r->is_last = true;
	if (p->r->protocol->take_end(p->r) == UPSTREAM_DONE)
		p->end = PASSAGE_DONE;
	else
		passage_fail(p, 502, "it broke off its response");
}

/*
 * The first wait for a response is a read, as most take only a moment: that costs
 * one system call instead of four.  It notices neither the client nor signals, and
 * so it is short, and only for a client that waits for no earlier response.
 */
static bool
may_block(const struct passage *p)
{
	return p->connected && !p->has_blocked && !p->has_received &&
	    !p->content_open && left_to_send(p) == 0 &&
	    builtin_is_next(p->r->x);
}

static void
receive_more(struct passage *p)
{
	bool block = may_block(p);
	size_t room;
	ssize_t n;

	if (!settle_received(p)) {
		passage_fail(p, 502, "its head is too large");
		return;
	}
	room = UPSTREAM_IN_MAX - p->len;
	if (block)
		builtin_wait_along(p->r->x, p->fd);
	n = recv(p->fd, p->in + p->len, room, block ? 0 : MSG_DONTWAIT);
	p->has_blocked = true;
	p->is_readable = n == (ssize_t)room || (n == -1 && errno == EINTR);
	if (n > 0) {
		if (!p->has_received)
			upstream_server_succeed(p->dial.server);
		p->has_received = true;
		p->progress = clock_now();
		p->len += (size_t)n;
		take_received(p);
	} else if (n == 0) {
		upstream_passage_receive_end(p);
	} else if (errno != EAGAIN && errno != EINTR) {
		connection_fails(p, errno, strerror(errno));
	}
}

/* -- Waiting -- */

struct passage_limit {
	int64_t deadline; /* clock.h */
	enum {
		LIMIT_CONNECT,
		LIMIT_CONTENT, /* it need not wait any more */
		LIMIT_SERVER,  /* it was late with something */
		LIMIT_CLIENT,  /* it is gone */
	} kind;
	const char *late_with;
};

static struct passage_limit
server_limit(const struct passage *p)
{
	const struct upstream_limits *limits = &p->dial.pool->limits;

	if (!p->connected)
		return (struct passage_limit){
		    p->dial.born + limits->connect, LIMIT_CONNECT, NULL};
	if (left_to_send(p) > 0)
		return (struct passage_limit){p->progress + limits->idle,
		    LIMIT_SERVER, "it does not read the request in time"};
	if (p->content_open && p->r->content_waits && !p->r->begun)
		return (struct passage_limit){
		    p->content_waits_until, LIMIT_CONTENT, NULL};
	if (upstream_passage_wants_content(p))
		return (struct passage_limit){CLOCK_NEVER, LIMIT_CLIENT, NULL};
	if (!p->has_received)
		return (struct passage_limit){p->progress + limits->first_byte,
		    LIMIT_SERVER, "it does not respond in time"};
	return (struct passage_limit){p->progress + limits->idle, LIMIT_SERVER,
	    "it does not finish its response in time"};
}

static struct passage_limit
find_limit(const struct passage *p)
{
	struct passage_limit limit = server_limit(p);
	int64_t quiet_since =
	    p->client_closed > p->progress ? p->client_closed : p->progress;

	if (p->client_closed != 0 &&
	    quiet_since + CLOSED_PATIENCE < limit.deadline)
		limit = (struct passage_limit){
		    quiet_since + CLOSED_PATIENCE, LIMIT_CLIENT, NULL};
	return limit;
}

static void
time_passes(struct passage *p, const struct passage_limit *limit)
{
	switch (limit->kind) {
	case LIMIT_CONNECT:
		cannot_connect(p, ETIMEDOUT, "it does not answer in time");
		break;
	case LIMIT_CONTENT:
		p->r->content_waits = false;
		break;
	case LIMIT_SERVER:
		passage_fail(p, 504, "%s", limit->late_with);
		break;
	case LIMIT_CLIENT:
		p->end = PASSAGE_CLIENT;
		break;
	}
}

static int
upstream_passage_wait_for_any(
    struct passage *p, int64_t deadline, unsigned *events)
{
	struct pollfd server = {.fd = p->fd, .events = POLLIN};
	int n;

	if (left_to_send(p) > 0)
		server.events = p->connected ? POLLIN | POLLOUT : POLLOUT;
	*events = p->client_closed != 0 ? 0 : TINED_CLIENT_GONE;
	if (upstream_passage_wants_content(p))
		*events |= TINED_CONTENT;
	n = tined_wait(
	    p->r->x, &server, 1, clock_milliseconds_until(deadline), events);
	if (n > 0) {
		p->is_writable |= (server.revents & ~POLLIN) != 0;
		p->is_readable |=
		    p->connected && (server.revents & ~POLLOUT) != 0;
	}
	p->content_ready |= (*events & TINED_CONTENT) != 0;
	return n;
}

/*
 * The client may wait for a head, and nothing else comes.  A head with content
 * leaves by tined_wait, which does not wait for the client as tined_flush does.
 */
static int64_t
head_deadline(const struct passage *p)
{
	if (!p->r->begun || p->r->content_begun || p->head_is_out)
		return CLOCK_NEVER;
	return clock_now() + HEAD_PATIENCE_MS * CLOCK_MILLISECOND;
}

static void
upstream_passage_send_head(struct passage *p)
{
	p->head_is_out = true;
	if (tined_flush(p->r->x) == -1)
		p->end = PASSAGE_CLIENT;
}

static void
wait_for_more(struct passage *p)
{
	const struct passage_limit limit = find_limit(p);
	const int64_t head = head_deadline(p);
	unsigned events;
	int n = upstream_passage_wait_for_any(
	    p, clock_sooner(limit.deadline, head), &events);

	if (n == -1)
		p->end = PASSAGE_CLIENT;
	else if ((events & TINED_CLIENT_GONE) != 0)
		p->client_closed = clock_now();
	else if (n > 0 || events != 0)
		return;
	else if (clock_now() >= limit.deadline)
		time_passes(p, &limit);
	else if (head != CLOCK_NEVER)
		upstream_passage_send_head(p);
}

/* -- All together -- */

/* One step forward; it waits only if there is none. */
static void
passage_step(struct passage *p)
{
	if (p->fd == -1)
		connect_now(p);
	else if (p->is_readable || may_block(p))
		receive_more(p);
	else if (left_to_send(p) > 0 && p->is_writable)
		upstream_passage_send_more(p);
	else
		wait_for_more(p);
}

static void
leave_connection(struct passage *p)
{
	const struct upstream_limits *limits = &p->dial.pool->limits;
	bool is_clean = p->end == PASSAGE_DONE && !p->r->is_last &&
	    !p->content_open && left_to_send(p) == 0 && !p->cannot_write &&
	    p->len == 0;
	int64_t now;

	if (p->fd == -1)
		return;
	now = clock_now();
	if (is_clean && limits->keepalive > 0 &&
	    now - p->dial.born < UPSTREAM_SERVER_AGE_MAX)
		upstream_server_keep(p->dial.server, p->fd, p->dial.born,
		    now + limits->keepalive);
	else
		close(p->fd);
}

/* The server answers for a client that does not send what it must. */
static void
upstream_passage_conclude(struct passage *p)
{
	leave_connection(p);
	buffer_clear(p->r->out);
	if (p->r->is_complete)
		p->end = PASSAGE_DONE;
	if (p->end == PASSAGE_FAILED)
		builtin_fail(p->r->x, p->status);
	else if (p->end == PASSAGE_CLIENT)
		builtin_fail(p->r->x, 400);
}

int
upstream_passage_run(struct upstream_pool *pool, struct upstream_request *r)
{
	struct passage p = {
	    .r = r,
	    .fd = -1,
	    .in = buffer_reserve(&received, UPSTREAM_IN_MAX),
	    .content_open = r->has_content,
	    .content_ready = r->has_content,
	    .content_waits_until = clock_now() + CONTENT_PATIENCE,
	};
	int64_t born;
	int fd;

	upstream_dial_begin(&p.dial, pool);
	r->server = p.dial.server->name;
	fd = upstream_server_take_kept(p.dial.server, clock_now(), &born);
	if (fd != -1)
		begin_connection(&p, fd, born, true);
	while (p.end == PASSAGE_OPEN) {
		if (upstream_passage_wants_content(&p) && p.content_ready)
			upstream_passage_read_content(&p);
		if (p.end == PASSAGE_OPEN)
			passage_step(&p);
	}
	upstream_passage_conclude(&p);
	return p.end == PASSAGE_DONE ? 0 : -1;
}
