#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "connection/accounting.h"
#include "connection/request_content.h"
#include "connection/respond.h"
#include "handlers/builtin.h"
#include "os/signals.h"
#include "tined.h"

/* So many descriptors, and the client's, need no memory from the heap. */
#define WAIT_FEW 16
/* A socket that has room, and takes nothing all the same, is left alone so long. */
#define SEND_PAUSE (10 * CLOCK_MILLISECOND)
/* The title does not show shorter ones. */
#define LONG_WAIT (CLOCK_SECOND / 4)

struct wait {
	struct tined_exchange *x;
	struct pollfd *all;    /* the module's, and the client's behind them */
	size_t count;	       /* the module's */
	unsigned wanted, told; /* sets of enum tined_event */
	int64_t deadline;      /* clock.h */
	int64_t content_deadline;
	int64_t send_pause; /* until then the client is sent nothing */
};

/*
 * Sends what the module and the requests before have left.  What the client has no
 * room for, it gets during the wait; if the module has finished before it has, the
 * lot sends it.
 */
static int
tined_wait_send_all(struct tined_exchange *x)
{
	struct connection *c = x->connection;
	const struct response *r = &x->response;

	if (r->streaming && r->text.len > 0 && respond_stream(x) == -1)
		return -1;
	if (x->state == EXCHANGE_STREAMING)
		c->out.sends = 0; /* in pieces on purpose */
	if (!c->out.deferring)
		return accounting_flush(c);
	(void)accounting_sent(c);
	return 0;
}

/* The client has room for what it has not received yet. */
static void
tined_wait_send_more(struct wait *w)
{
	struct connection *c = w->x->connection;
	const uint64_t before = deferred_length(c->out.deferred);

	output_catch_up(&c->out);
	if (c->out.deferring && deferred_length(c->out.deferred) == before)
		w->send_pause = clock_now() + SEND_PAUSE;
	(void)accounting_sent(c);
}

static bool
waits_for_room(const struct wait *w)
{
	return w->x->connection->out.deferring && clock_now() >= w->send_pause;
}

/* When the client is to be sent more, or is too slow. */
static int64_t
send_deadline(const struct wait *w)
{
	const struct output *out = &w->x->connection->out;

	if (!out->deferring)
		return CLOCK_NEVER;
	return clock_sooner(out->catch_up_rate.ends,
	    clock_now() < w->send_pause ? w->send_pause : CLOCK_NEVER);
}

/* A worker that is to end gives up its client, or its next response is last. */
static bool
tined_wait_is_stopping(const struct connection *c)
{
	return c->in.yield || connection_is_last(c);
}

/* What has happened already, or happens with what has been received. */
static void
tined_wait_look(struct wait *w)
{
	if ((w->wanted & TINED_STOPPING) != 0 &&
	    tined_wait_is_stopping(w->x->connection))
		w->told |= TINED_STOPPING;
	if ((w->wanted & TINED_CONTENT) != 0 &&
	    request_content_is_ready(w->x, &w->content_deadline))
		w->told |= TINED_CONTENT;
}

static short
client_events(const struct wait *w)
{
	short events = 0;

	if ((w->wanted & TINED_CLIENT_GONE) != 0)
		events |= POLLRDHUP;
	if ((w->wanted & ~w->told & TINED_CONTENT) != 0)
		events |= POLLIN;
	if (waits_for_room(w))
		events |= POLLOUT;
	return events;
}

/* Acts on what the client's socket has had, or the end of its time. */
static void
hear_client(struct wait *w, short events)
{
	const short gone = POLLRDHUP | POLLHUP | POLLERR;
	bool late = clock_now() >= w->content_deadline;

	if (events != 0 && waits_for_room(w))
		tined_wait_send_more(w);
	if ((w->wanted & TINED_CLIENT_GONE) != 0 && (events & gone) != 0)
		w->told |= TINED_CLIENT_GONE;
	if ((w->wanted & ~w->told & TINED_CONTENT) != 0 &&
	    ((events & ~POLLOUT) != 0 || late))
		request_content_receive(w->x);
}

static int64_t
next_deadline(const struct wait *w)
{
	struct others *others = w->x->connection->service->others;

	return clock_sooner(send_deadline(w),
	    others_deadline(
		others, clock_sooner(w->deadline, w->content_deadline)));
}

/*
 * Signals are blocked between a look at what they tell and the wait, so that none
 * comes unnoticed.  Returns what ppoll(2) does.
 */
static int
wait_once(struct wait *w)
{
	struct pollfd *client = &w->all[w->count];
	sigset_t blocked, before;
	struct timespec left;
	int n;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGNAL_LET_GO);
	sigaddset(&blocked, SIGNAL_ORPHANED);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	tined_wait_look(w);
	client->events = client_events(w);
	client->fd = client->events != 0 ? w->x->connection->fd : -1;
	left = clock_until(w->told != 0 ? 0 : next_deadline(w));
	n = ppoll(w->all, w->count + 1, &left, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return n;
}

/* True if it cannot be sent the response, or does not take it. */
static bool
has_lost_client(const struct wait *w)
{
	struct output *out = &w->x->connection->out;

	if (out->deferring && min_rate_is_over(&out->catch_up_rate))
		out->failed = true;
	return out->failed;
}

/* Returns the number of the module's descriptors that are ready, or -1. */
static int
tined_wait_wait_for_any(struct wait *w)
{
	int n;

	for (;;) {
		short client = 0;

		w->content_deadline = CLOCK_NEVER;
		n = wait_once(w);
		if (n > 0)
			client = w->all[w->count].revents;
		n -= client != 0;
		hear_client(w, client);
		tined_wait_look(w);
		if (has_lost_client(w))
			return -1;
		others_end_wait(w->x->connection->service->others);
		if (n > 0 || w->told != 0 || clock_now() >= w->deadline)
			return n > 0 ? n : 0;
	}
}

static bool
is_long(const struct wait *w)
{
	return w->deadline == CLOCK_NEVER ||
	    w->deadline - clock_now() > LONG_WAIT;
}

/* The process title, too, says so of a wait that people can see. */
static void
begin_waiting(const struct wait *w)
{
	const struct service *s = w->x->connection->service;

	score_enter(s->score, SCORE_WAITING);
	if (s->title != NULL && is_long(w))
		title_wait(s->title, true);
}

static void
end_waiting(const struct wait *w)
{
	const struct service *s = w->x->connection->service;

	score_enter(s->score, SCORE_RUNNING);
	if (s->title != NULL)
		title_wait(s->title, false);
}

int
tined_wait(struct tined_exchange *x, struct pollfd *fds, size_t count,
    int milliseconds, unsigned *events)
{
	struct pollfd few[WAIT_FEW + 1];
	struct score *score = x->connection->service->score;
	struct wait w = {
	    .x = x,
	    .all = count > WAIT_FEW ? memory_get_array(count + 1, sizeof(*fds))
				    : few,
	    .count = count,
	    .wanted = *events,
	    .deadline = milliseconds < 0
		? CLOCK_NEVER
		: clock_now() + milliseconds * CLOCK_MILLISECOND,
	};
	int n = -1;

	if (count > 0)
		memcpy(w.all, fds, count * sizeof(*fds));
	others_pass_on(x->connection->service->others);
	tined_wait_look(&w); /* the client may wait for 100 Continue */
	score_enter(score, SCORE_WRITING);
	if (tined_wait_send_all(x) == 0) {
		begin_waiting(&w);
		n = tined_wait_wait_for_any(&w);
		for (size_t i = 0; i < count; i++)
			fds[i].revents = n > 0 ? w.all[i].revents : 0;
	}
	end_waiting(&w);
	if (w.all != few)
		free(w.all);
	*events = w.told;
	return n;
}

void
builtin_wait_along(const struct tined_exchange *x, int fd)
{
	struct others *others = x->connection->service->others;

	others_pass_on(others);
	(void)others_wait(others, fd, POLLIN, CLOCK_NEVER);
}

void
tined_alive(struct tined_exchange *x)
{
	score_enter(x->connection->service->score, SCORE_RUNNING);
}

static void
log_words(enum tined_level level, const char *request, const char *words)
{
	switch (level) {
	case TINED_ERROR:
		log_error("%s%s", request, words);
		break;
	case TINED_WARNING:
		log_warning("%s%s", request, words);
		break;
	case TINED_NOTICE:
		log_notice("%s%s", request, words);
		break;
	case TINED_INFO:
		log_info("%s%s", request, words);
		break;
	case TINED_DEBUG:
		log_debug("%s%s", request, words);
		break;
	}
}

void
tined_log(const struct tined_exchange *x, enum tined_level level,
    const char *format, ...)
{
	char *words, *request = NULL;
	va_list args;

	va_start(args, format);
	words = memory_vprintf(format, args);
	va_end(args);
	if (x != NULL)
		request = memory_printf("\"%.*s\" from %s: ",
		    TEXT_ARG(x->request.line), x->connection->peer.name);
	log_words(level, request != NULL ? request : "", words);
	free(request);
	free(words);
}
