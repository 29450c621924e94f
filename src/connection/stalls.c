#include "base/log.h"
#include "connection/stalls.h"
#include "connection/write_mode.h"
#include "shared/scoreboard_read.h"

/* One of so many suspects is looked at: getsockopt(2) takes 0.5 to 2 us. */
#define SAMPLE 4
/* After a longer gap, a person or a program is more likely than a stall. */
#define LONGEST_STALL CLOCK_SECOND
/* After a stall, all are. */
#define ALERT_TIME (60 * CLOCK_SECOND)

/* How often to look at a stream whose pieces follow each other quickly. */
#define STREAM_TICK (50 * CLOCK_MILLISECOND)

void
stalls_begin(struct connection *c)
{
	c->stall.handed = 0;
	c->stall.held = false;
}

/* Only TCP tells. */
static void
stalls_set(struct connection *c, int64_t handed)
{
	if (c->peer.address.ss_family != AF_UNIX)
		c->stall.handed = handed;
}

void
stalls_handed(struct connection *c, int64_t now)
{
	uint64_t bytes = c->out.sent - c->stall_sent;

	c->stall_sent = c->out.sent;
	if (c->stall.held)
		return;
	c->stall.bytes = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
	stalls_set(c, c->out.deferring ? 0 : now);
}

void
stalls_handed_rest(struct connection *c)
{
	stalls_set(c, clock_now());
}

static void
stalls_log(const struct peer *client, const struct stall *s)
{
	log_notice(
	    "the end of a response to %s waited for %lld ms after it was "
	    "sent: %s (%s; others within an hour are only counted)",
	    client->name, (long long)(s->time / CLOCK_MILLISECOND),
	    stall_advice(s->cause), stall_name(s->cause));
}

/* Judges, counts and logs. */
static struct stall
stalls_judge(struct scoreboard *board, struct score_stalls *score,
    struct stall_mark *m, int fd, const struct peer *client, int64_t now)
{
	struct stall s = stall_look(m, fd);

	if (s.cause == STALL_NONE)
		return s;
	score_add_stall(score, &s);
	scoreboard_saw_stall(board, now);
	if (scoreboard_may_log_stall(board, s.cause, now))
		stalls_log(client, &s);
	return s;
}

static void
stalls_look(struct tined_exchange *x, int64_t now)
{
	struct connection *c = x->connection;
	const struct service *service = c->service;
	struct stall s = stalls_judge(service->board,
	    score_stalls(service->score), &c->stall, c->fd, &c->peer, now);

	if (s.time > x->stall.time)
		x->stall = s;
}

static bool
is_suspect(const struct stall_mark *m, int64_t now)
{
	return m->handed > 0 && now - m->handed >= STALL_MIN;
}

/*
 * True if it took longer than it has before, and the difference is no pause of a
 * person.  Remembers the shortest: it is not much more than a round trip.
 */
static bool
is_unusual(struct connection *c, int64_t now)
{
	int64_t gap = now - c->stall.handed;
	int64_t before = c->stall.gap * CLOCK_MICROSECOND;

	if (c->stall.gap == 0 || gap < before)
		c->stall.gap = (uint32_t)(gap / CLOCK_MICROSECOND) + 1;
	return gap < LONGEST_STALL && gap - before >= before / 2 + STALL_MIN;
}

static bool
is_sample(const struct scoreboard *board, const struct stall_mark *m,
    uint32_t *suspects, int64_t now)
{
	int64_t seen = scoreboard_stall_seen(board, now);

	return m->held || (seen > 0 && now - seen < ALERT_TIME) ||
	    (*suspects)++ % SAMPLE == 0;
}

static bool
is_sample_here(struct connection *c, int64_t now)
{
	return is_sample(c->service->board, &c->stall, &c->stall_suspects, now);
}

void
stalls_at_request(struct tined_exchange *x, int64_t came)
{
	struct connection *c = x->connection;
	bool unusual = c->stall.handed > 0 && is_unusual(c, came);

	if (stall_is_pending(&c->stall) ||
	    (is_suspect(&c->stall, came) &&
		(unusual || is_sample_here(c, came))))
		stalls_look(x, came);
	stalls_begin(c);
}

void
stalls_at_end(struct scoreboard *board, struct stall_mark *m, int fd,
    const struct peer *client, uint32_t *suspects)
{
	int64_t now = clock_now();

	if (stall_is_pending(m) ||
	    (is_suspect(m, now) && is_sample(board, m, suspects, now)))
		(void)stalls_judge(
		    board, &board->lot->stalls, m, fd, client, now);
}

void
stalls_before_flush(struct tined_exchange *x, int64_t now)
{
	struct connection *c = x->connection;

	if (is_suspect(&c->stall, now) ? !is_sample_here(c, now)
				       : now - c->stall_looked < STREAM_TICK)
		return;
	if (c->stall.handed > 0)
		stalls_look(x, now);
	/* After one that was held, the next is likely to be held, too. */
	c->stall_looked = c->stall.held || x->stall.time > 0 ? 0 : now;
}

void
stalls_after_flush(struct tined_exchange *x, int64_t now)
{
	struct connection *c = x->connection;

	if (c->out.deferring || c->out.failed || write_mode_holds_back(x))
		stalls_begin(c);
	else
		stalls_handed(c, now);
}
