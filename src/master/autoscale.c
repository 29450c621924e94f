#include <sys/types.h>

#include <unistd.h>

#include "base/log.h"
#include "master/autoscale.h"
#include "net/backlog.h"
#include "shared/scoreboard_read.h"

/*
 * A worker that has processed one request for so long does not count as free.
 */
#define OCCUPIED_TIME (2 * CLOCK_MILLISECOND)
/*
 * A lot takes an incomplete request from its worker after --linger.  If
 * --linger is longer than this, the worker does not count as free meanwhile.
 */
#define SHORT_LINGER (100 * CLOCK_MILLISECOND)
/* Clients that will be served within this time do not need more workers. */
#define SHORT_WAIT (20 * CLOCK_MILLISECOND)
/*
 * Limits a number that workers have written and an attacker may have changed.
 */
#define SERVED_MAX (UINT64_C(1) << 24)

/* The counts of the pool, and what is needed to compute them. */
struct look {
	struct pool_counts counts;
	int waiting; /* all clients, including those that are soon served */
	uint64_t served;
};

struct pool_limits
autoscale_limits(const struct config *c)
{
	return (struct pool_limits){
	    .min = c->workers.min,
	    .max = c->workers.max,
	    .spare_min = c->spare.min,
	    .spare_max = c->spare.max,
	};
}

void
autoscale_describe(struct buffer *b, const struct pool_limits *limits)
{
	if (limits->min < limits->max)
		buffer_printf(b, "%d to ", limits->min);
	buffer_printf(
	    b, "%d worker%s", limits->max, limits->max == 1 ? "" : "s");
}

static uint64_t
less_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t
machine_memory(void)
{
	long pages = sysconf(_SC_PHYS_PAGES);

	return pages > 0 ? (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE)
			 : 0;
}

/* What the lot has left, at most. */
static uint64_t
deferred_memory(const struct config *c, uint64_t left)
{
	uint64_t all = less_of(left, machine_memory());

	if (c->response_memory != CONFIG_RESPONSE_MEMORY)
		return less_of(c->response_memory, left - left / 4);
	return less_of(AUTOSCALE_DEFERRED_MAX, all / 8);
}

struct autoscale_memory
autoscale_divide(const struct config *c, uint64_t memory)
{
	struct autoscale_memory share = {0};
	uint64_t left = memory > AUTOSCALE_OTHER_MEMORY
	    ? memory - AUTOSCALE_OTHER_MEMORY
	    : 0;

	if (memory != UINT64_MAX)
		share.client = AUTOSCALE_CLIENT_MEMORY;
	if (!c->no_lot) {
		share.lot =
		    less_of(AUTOSCALE_LOT_MAX, AUTOSCALE_LOT_MIN + left / 4);
		share.deferred = deferred_memory(c, left);
		left -= share.lot - AUTOSCALE_LOT_MIN + share.deferred;
	}
	share.workers = left;
	return share;
}

static int
count_fitting(uint64_t memory, uint64_t each)
{
	uint64_t count = memory / each;

	if (count < 1)
		return 1;
	return count < SCOREBOARD_WORKERS_MAX ? (int)count
					      : SCOREBOARD_WORKERS_MAX;
}

static uint64_t
worker_memory(const struct config *c)
{
	uint64_t memory = AUTOSCALE_WORKER_MEMORY;

	if (c->cache_time > 0 && c->cache_size > CONFIG_CACHE_SIZE)
		memory += c->cache_size - CONFIG_CACHE_SIZE;
	return c->max_worker_memory > memory ? c->max_worker_memory : memory;
}

int
autoscale_room(const struct config *c, uint64_t memory, uint64_t *each)
{
	*each = worker_memory(c);
	return count_fitting(autoscale_divide(c, memory).workers, *each);
}

bool
autoscale_fit(struct config *c, uint64_t memory, struct buffer *words)
{
	const unsigned long long mega = 1 << 20;
	uint64_t each;
	int room = autoscale_room(c, memory, &each);

	if (!c->workers_said)
		c->workers = (struct config_range){
		    CONFIG_WORKERS_MIN, CONFIG_WORKERS_MAX};
	if (memory == UINT64_MAX || c->workers.max <= room)
		return false;
	buffer_printf(words,
	    "the memory of this control group, %llu MiB, has room for %d "
	    "worker%s of %llu MiB",
	    memory / mega, room, room == 1 ? "" : "s", each / mega);
	if (c->workers_said) {
		buffer_printf(words, ": --workers %d is more", c->workers.max);
		return true;
	}
	c->workers.max = room;
	if (c->workers.min > room)
		c->workers.min = room;
	return false;
}

bool
autoscale_fit_again(struct autoscale *s, struct config *c, uint64_t memory,
    struct buffer *words)
{
	const struct pool_limits before = s->limits;

	if (c->workers_said || s->by_hand)
		return false;
	(void)autoscale_fit(c, memory, words);
	s->limits = autoscale_limits(c);
	if (s->limits.min == before.min && s->limits.max == before.max)
		return false;
	buffer_add_string(words, words->len > 0 ? ": now " : "now ");
	autoscale_describe(words, &s->limits);
	return true;
}

/*
 * Returns enough slots for each worker, for workers that TTIN adds, and for a
 * replacement of each.  Includes workers that become possible when the control
 * group gets more memory.
 */
size_t
autoscale_slots(const struct config *c)
{
	int max = c->workers_said ? c->workers.max : CONFIG_WORKERS_MAX;
	size_t count = 2 * ((size_t)max + AUTOSCALE_MORE);

	return count < SCOREBOARD_SLOTS_MAX ? count : SCOREBOARD_SLOTS_MAX;
}

void
autoscale_init(struct autoscale *s, const struct inherited *inherited)
{
	*s = (struct autoscale){.limits = autoscale_limits(&inherited->config)};
}

/* With a lot, a worker soon hands over a client that sends slowly. */
static bool
reads_briefly(const struct config *c)
{
	return c->linger <= SHORT_LINGER;
}

static bool
has_client(enum score_state state)
{
	return state >= SCORE_READING && state <= SCORE_STOPPING;
}

bool
autoscale_is_occupied(
    const struct config *c, const struct score *score, int64_t now)
{
	enum score_state state = score_state(score);

	if (!has_client(state))
		return false;
	/*
	 * The worker keeps its client, even if each request takes little time.
	 */
	if (c->no_lot && now - score_came(score) >= OCCUPIED_TIME)
		return true;
	if (state == SCORE_LINGERING || state == SCORE_STOPPING)
		return true;
	if (state == SCORE_READING && !score_has_request(score))
		return !reads_briefly(c) &&
		    now - score_since(score) >= OCCUPIED_TIME;
	return now - score_began(score) >= OCCUPIED_TIME;
}

/* Without a lot, a client that has been accepted has its own worker. */
static enum score_count
what_ends_a_wait(const struct config *c)
{
	return c->no_lot ? COUNT_CONNECTIONS : COUNT_REQUESTS;
}

/* Skips slots that were never used: reading them would allocate memory. */
static void
count_workers(struct autoscale *s, const struct children *all,
    struct look *look, int64_t now)
{
	const struct inherited *h = all->inherited;
	enum score_count served = what_ends_a_wait(&h->config);

	for (size_t i = 0; i < all->count; i++)
		if (all->at[i].pid != 0 && i >= s->slots)
			s->slots = i + 1;
	for (size_t i = 0; i < s->slots; i++) {
		const struct child *child = &all->at[i];
		const struct score *score = scoreboard_slot(h->board, i);

		look->served += score_count(score, served);
		if (child->pid == 0 || child->retiring || child->ahead)
			continue;
		look->counts.available +=
		    !autoscale_is_occupied(&h->config, score, now);
	}
}

/* For a moment the counter may include messages lost with a dead worker. */
static int
count_on_the_way(const struct inherited *h)
{
	int64_t count = score_lot_on_the_way(h->board);

	return count > 0 && channel_has_message(&h->ready) ? (int)count : 0;
}

static int
count_in_backlogs(const struct listeners *l)
{
	struct backlog backlog;
	uint64_t count = 0;

	for (size_t i = 0; i < l->count; i++)
		if (backlog_read(l->at[i].fd, &backlog))
			count += backlog.waiting;
	return (int)count;
}

static void
count_waiting(const struct inherited *h, struct look *look)
{
	look->waiting = count_in_backlogs(&h->listeners);
	if (h->config.no_lot)
		return;
	look->waiting += (int)score_lot_waiting(h->board->lot, WAIT_WORKER);
	look->waiting += count_on_the_way(h);
}

/* Estimates how many clients will be served within SHORT_WAIT. */
static int
count_soon_served(struct autoscale *s, const struct look *look, int64_t now)
{
	int64_t time = now - s->looked;
	uint64_t served = look->served - s->served;

	s->looked = now;
	s->served = look->served;
	if (time < CLOCK_MILLISECOND)
		time = CLOCK_MILLISECOND;
	if (served > SERVED_MAX)
		served = SERVED_MAX;
	return (int)((int64_t)served * SHORT_WAIT / time);
}

static void
count_all(struct autoscale *s, const struct children *all, struct look *look,
    int64_t now)
{
	const struct inherited *h = all->inherited;
	int soon;

	*look = (struct look){0};
	look->counts.running = (int)all->running;
	look->counts.idle = (int)scoreboard_count_idle(h->board, all->count);
	count_workers(s, all, look, now);
	count_waiting(h, look);
	soon = count_soon_served(s, look, now);
	if (look->waiting > soon)
		look->counts.waiting = look->waiting - soon;
}

static void
log_worker_shortage(struct autoscale *s, const struct look *look, int64_t now)
{
	bool full = look->counts.running >= s->limits.max &&
	    look->counts.available <= 0 && look->counts.waiting > 0;

	switch (shortage_note(&s->shortage, full, look->waiting, now)) {
	case SHORTAGE_HAS_BEGUN:
		log_warning("none of %d worker%s is free, and clients wait "
			    "(%d now): raise --workers to allow more",
		    s->limits.max, s->limits.max == 1 ? "" : "s",
		    look->waiting);
		break;
	case SHORTAGE_HAS_ENDED:
		log_notice("a worker is free again: clients have waited for "
			   "%.1f s, up to %d at a time",
		    (double)(s->shortage.until - s->shortage.since) /
			CLOCK_SECOND,
		    s->shortage.most);
		break;
	case SHORTAGE_NONE:
		break;
	}
}

/*
 * Another worker may be recycled when the last one has been replaced, or when
 * the pool does without it.
 */
static void
note_end_of_recycling(const struct autoscale *s, const struct children *all)
{
	pid_t pid = scoreboard_who_leaves(all->inherited->board);

	if (pid != 0 && (int)all->running >= s->limits.min &&
	    child_find(all, pid) == NULL)
		scoreboard_has_left(all->inherited->board);
}

/*
 * Asks workers to wake the master when fewer are idle than wanted.  If so few
 * are idle already, the master looks again after the next step.
 */
static void
request_wakeup(struct autoscale *s, struct scoreboard *board, int idle)
{
	int wanted = pool_wanted_idle(&s->limits);

	if (idle < wanted)
		scoreboard_want_idle(board, 0);
	else if (!scoreboard_want_idle(board, (size_t)wanted))
		s->next = s->looked + POOL_STEP;
}

void
autoscale_act(struct autoscale *s, struct children *all)
{
	struct inherited *h = all->inherited;
	int64_t now = clock_now();
	struct pool_plan plan;
	struct look look;

	(void)wakeup_take(&h->wanted);
	count_all(s, all, &look, now);
	plan = pool_plan(&s->limits, &look.counts, &s->history, now);
	child_spawn(all, plan.spawn);
	child_retire_some(all, plan.retire);
	for (int i = 0; i < plan.retire; i++)
		scoreboard_add(h->board, EVENT_RETIRED);
	note_end_of_recycling(s, all);
	log_worker_shortage(s, &look, now);
	s->next = plan.next;
	request_wakeup(s, h->board, look.counts.idle);
}

int64_t
autoscale_next(const struct autoscale *s)
{
	int64_t next = shortage_next(&s->shortage);

	return s->next < next ? s->next : next;
}

void
autoscale_add(struct autoscale *s, const struct children *all, int more)
{
	struct pool_limits *l = &s->limits;
	int most = (int)all->count / 2;
	bool fixed = l->min == l->max;
	struct buffer b = {0};

	if (l->min + more < 1 || l->min + more > most) {
		log_notice("%s is ignored: there can be 1 to %d workers",
		    more > 0 ? "TTIN" : "TTOU", most);
		return;
	}
	s->by_hand = true;
	l->min += more;
	if (fixed || l->max < l->min)
		l->max = l->min;
	autoscale_describe(&b, l);
	log_notice("%s: now %s", more > 0 ? "TTIN" : "TTOU", buffer_string(&b));
	buffer_free(&b);
}
