#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/relaxed.h"
#include "shared/scoreboard.h"

/* A reader that keeps meeting a writer uses what it has read. */
#define READ_TRIES 1100
/*
 * After this many tries the reader sleeps, so that an interrupted writer can go
 * on.
 */
#define READ_SPINS 1000
#define READ_PAUSE 100000L /* nanoseconds */

#define SCORE_STATUS_MIN 100
#define SCORE_STATUS_MAX 599
#define SCORE_STATUS_BROKEN 500

/*
 * Where each part begins.  Each begins at a page, so that its memory can be
 * returned to the kernel.
 */
struct layout {
	size_t lot, hints, slots, end;
	size_t stride; /* bytes from one slot to the next */
};

static struct layout
lay_out(size_t count)
{
	struct layout l = {.stride = shared_memory_round(sizeof(struct score))};

	l.lot = shared_memory_round(sizeof(struct score_server));
	l.hints = l.lot + shared_memory_round(sizeof(struct score_lot));
	l.slots = l.hints + shared_memory_round(sizeof(struct score_hints));
	l.end = l.slots + count * l.stride;
	return l;
}

struct scoreboard *
scoreboard_create(size_t count)
{
	struct layout l = lay_out(count);
	struct scoreboard *board = memory_get_array(1, sizeof(*board));
	char *base;

	if (shared_memory_create(&board->memory, l.end) == -1) {
		free(board);
		return NULL;
	}
	base = board->memory.at;
	board->count = count;
	board->started = clock_now();
	board->server = (struct score_server *)(void *)base;
	board->lot = (struct score_lot *)(void *)(base + l.lot);
	board->hints = (struct score_hints *)(void *)(base + l.hints);
	board->slots = base + l.slots;
	board->stride = l.stride;
	return board;
}

void
scoreboard_free(struct scoreboard *board)
{
	if (board == NULL)
		return;
	shared_memory_free(&board->memory);
	free(board);
}

static int
confine_worker(struct shared_memory *m, const struct layout *l, size_t slot)
{
	size_t own = l->slots + slot * l->stride;

	if (shared_memory_give_up(m, 0, l->hints) == -1 ||
	    shared_memory_give_up(m, l->slots, own) == -1)
		return -1;
	return shared_memory_give_up(m, own + l->stride, l->end);
}

int
scoreboard_confine(
    struct scoreboard *board, enum scoreboard_writer writer, size_t slot)
{
	struct layout l = lay_out(board->count);

	switch (writer) {
	case SCOREBOARD_WORKER:
		return confine_worker(&board->memory, &l, slot);
	case SCOREBOARD_LOT:
		return shared_memory_give_up(&board->memory, 0, l.lot);
	case SCOREBOARD_READER:
		break;
	}
	return shared_memory_give_up(&board->memory, 0, l.end);
}

struct score *
scoreboard_slot(const struct scoreboard *board, size_t i)
{
	return (struct score *)(void *)(board->slots + i * board->stride);
}

void
scoreboard_use(struct scoreboard *board, size_t slot)
{
	if (slot >= RELAXED_GET(board->server->used))
		RELAXED_SET(board->server->used, slot + 1);
}

static void
begin_change(struct score *s)
{
	RELAXED_SET(s->sequence, RELAXED_GET(s->sequence) + 1);
	atomic_thread_fence(memory_order_release);
}

static void
end_change(struct score *s)
{
	atomic_thread_fence(memory_order_release);
	RELAXED_SET(s->sequence, RELAXED_GET(s->sequence) + 1);
}

/* A worker that died while it wrote has left the counter odd. */
static void
repair(struct score *s)
{
	RELAXED_SET(s->sequence, RELAXED_GET(s->sequence) & ~1u);
}

static void
scoreboard_copy(char *to, size_t size, struct text from)
{
	if (from.len >= size)
		from.len = size - 1;
	if (from.len > 0)
		memcpy(to, from.at, from.len);
	to[from.len] = '\0';
}

static enum score_state
as_state(int state)
{
	return state > 0 && state < SCORE_STATES ? (enum score_state)state
						 : SCORE_VACANT;
}

static int64_t
as_past(int64_t time, int64_t now)
{
	return time > 0 ? (time < now ? time : now) : 0;
}

/* The last state of a dead worker has lasted until now. */
static int64_t
enter(struct score *s, enum score_state state)
{
	enum score_state old = as_state(RELAXED_GET(s->state));
	int64_t now;

	begin_change(s);
	now = clock_now(); /* later than the time that readers may still see */
	if (old != SCORE_VACANT)
		RELAXED_SET(s->spent[old],
		    RELAXED_GET(s->spent[old]) +
			(uint64_t)(now - as_past(RELAXED_GET(s->since), now)));
	RELAXED_SET(s->since, now);
	RELAXED_SET(s->state, (int)state);
	end_change(s);
	return now;
}

void
score_start(struct score *s, pid_t pid)
{
	repair(s);
	enter(s, SCORE_STARTING);
	begin_change(s);
	s->request[0] = '\0';
	s->client[0] = '\0';
	end_change(s);
	for (int i = 0; i < SCORE_COUNTS; i++)
		RELAXED_SET(s->marks[i], RELAXED_GET(s->counts[i]));
	RELAXED_SET(s->fate, SCORE_UNKNOWN);
	RELAXED_SET(s->pid, pid);
}

void
score_end(struct score *s)
{
	repair(s);
	enter(s, SCORE_VACANT);
	RELAXED_SET(s->pid, 0);
}

int64_t
score_enter(struct score *s, enum score_state state)
{
	return enter(s, state);
}

void
score_connection(struct score *s, struct text client)
{
	begin_change(s);
	scoreboard_copy(s->client, sizeof(s->client), client);
	s->request[0] = '\0';
	end_change(s);
	RELAXED_SET(s->came, clock_now());
}

void
score_request(struct score *s, struct text line)
{
	begin_change(s);
	scoreboard_copy(s->request, sizeof(s->request), line);
	end_change(s);
}

int64_t
score_begin(struct score *s, struct text line)
{
	int64_t now;

	score_request(s, line);
	now = enter(s, SCORE_RUNNING);
	RELAXED_SET(s->began, now);
	return now;
}

void
score_fate(struct score *s, enum score_fate fate, int status, uint64_t content)
{
	RELAXED_SET(s->content, content);
	RELAXED_SET(s->status, status);
	RELAXED_SET(s->fate, (int)fate);
}

int64_t
score_running_since(const struct score *s)
{
	int64_t since = score_since(s);

	return RELAXED_GET(s->state) == SCORE_RUNNING ? since : CLOCK_NEVER;
}

enum score_state
score_state(const struct score *s)
{
	return as_state(RELAXED_GET(s->state));
}

void
score_add(struct score *s, enum score_count what, uint64_t n)
{
	RELAXED_SET(s->counts[what], RELAXED_GET(s->counts[what]) + n);
}

void
score_add_status(struct score *s, int status)
{
	if (status >= 100 && status <= 599)
		score_add(s, COUNT_RESPONSES + (unsigned)status / 100 - 1, 1);
}

void
score_add_latency(struct score *s, int64_t latency)
{
	size_t bucket = histogram_bucket(latency);

	RELAXED_SET(s->latency[bucket], RELAXED_GET(s->latency[bucket]) + 1);
	score_add(s, COUNT_LATENCY, (uint64_t)latency);
}

void
scoreboard_add(struct scoreboard *board, enum score_event what)
{
	atomic_fetch_add(&board->server->events[what], 1);
}

static void
read_changing(const struct score *s, struct score_reading *out)
{
	memcpy(out->request, s->request, sizeof(out->request));
	memcpy(out->client, s->client, sizeof(out->client));
	out->state = as_state(RELAXED_GET(s->state));
	out->since = RELAXED_GET(s->since);
	for (int i = 0; i < SCORE_STATES; i++)
		out->spent[i] = RELAXED_GET(s->spent[i]);
}

static uint64_t
count_since_mark(
    const struct score *s, const struct score_reading *r, enum score_count what)
{
	uint64_t mark = RELAXED_GET(s->marks[what]);

	return r->counts[what] > mark ? r->counts[what] - mark : 0;
}

static void
read_counts(const struct score *s, struct score_reading *out)
{
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
		out->latency[i] = RELAXED_GET(s->latency[i]);
	for (int i = 0; i < SCORE_COUNTS; i++)
		out->counts[i] = RELAXED_GET(s->counts[i]);
	out->requests = count_since_mark(s, out, COUNT_REQUESTS);
	out->bytes = count_since_mark(s, out, COUNT_SENT);
}

int64_t
score_since(const struct score *s)
{
	return as_past(RELAXED_GET(s->since), clock_now());
}

int64_t
score_came(const struct score *s)
{
	return as_past(RELAXED_GET(s->came), clock_now());
}

bool
score_has_request(const struct score *s)
{
	return s->request[0] != '\0';
}

int64_t
score_began(const struct score *s)
{
	return as_past(RELAXED_GET(s->began), clock_now());
}

uint64_t
score_count(const struct score *s, enum score_count what)
{
	return RELAXED_GET(s->counts[what]);
}

static enum score_fate
as_fate(int fate)
{
	return fate == SCORE_ANSWERED || fate == SCORE_CUT_OFF
	    ? (enum score_fate)fate
	    : SCORE_UNKNOWN;
}

static pid_t
as_pid(pid_t pid)
{
	return pid > 0 ? pid : 0;
}

/* Clamps a status code: an impossible one counts as a failure. */
static int
as_status(int status)
{
	return status >= SCORE_STATUS_MIN && status <= SCORE_STATUS_MAX
	    ? status
	    : SCORE_STATUS_BROKEN;
}

void
score_read(const struct score *s, struct score_reading *out)
{
	static const struct timespec pause = {.tv_nsec = READ_PAUSE};
	int64_t now = 0;

	for (int tries = 0; tries < READ_TRIES; tries++) {
		unsigned before;

		if (tries >= READ_SPINS)
			nanosleep(&pause, NULL);
		now = clock_now();
		before = RELAXED_GET(s->sequence);
		atomic_thread_fence(memory_order_acquire);
		read_changing(s, out);
		atomic_thread_fence(memory_order_acquire);
		if (before % 2 == 0 && before == RELAXED_GET(s->sequence))
			break;
	}
	out->request[sizeof(out->request) - 1] = '\0';
	out->client[sizeof(out->client) - 1] = '\0';
	out->pid = as_pid(RELAXED_GET(s->pid));
	out->since = as_past(out->since, now);
	out->began = as_past(RELAXED_GET(s->began), now);
	out->fate = as_fate(RELAXED_GET(s->fate));
	out->status = as_status(RELAXED_GET(s->status));
	out->content = RELAXED_GET(s->content);
	if (out->state != SCORE_VACANT)
		out->spent[out->state] += (uint64_t)(now - out->since);
	read_counts(s, out);
}

const char *
score_state_name(enum score_state state)
{
	static const char *const names[SCORE_STATES] = {
	    [SCORE_VACANT] = "vacant",
	    [SCORE_STARTING] = "starting",
	    [SCORE_IDLE] = "idle",
	    [SCORE_READING] = "reading",
	    [SCORE_RUNNING] = "running",
	    [SCORE_WRITING] = "writing",
	    [SCORE_LINGERING] = "lingering",
	    [SCORE_STOPPING] = "stopping",
	};

	return names[state];
}

void
scoreboard_set_idle(struct scoreboard *board, size_t slot, bool idle)
{
	atomic_uint_least64_t *word =
	    &board->hints->idle[slot / SCOREBOARD_IDLE_BITS];
	uint64_t bit = UINT64_C(1) << slot % SCOREBOARD_IDLE_BITS;

	if (idle)
		atomic_fetch_or(word, bit);
	else
		atomic_fetch_and(word, ~bit);
}

bool
scoreboard_is_idle(const struct scoreboard *board, size_t slot)
{
	return (RELAXED_GET(board->hints->idle[slot / SCOREBOARD_IDLE_BITS]) >>
		       slot % SCOREBOARD_IDLE_BITS &
		   1) != 0;
}

bool
scoreboard_wake(struct scoreboard *board)
{
	return RELAXED_GET(board->hints->asleep) &&
	    atomic_exchange(&board->hints->asleep, false);
}

bool
scoreboard_has_idle(struct scoreboard *board)
{
	for (size_t i = 0; i * SCOREBOARD_IDLE_BITS < board->count; i++)
		if (RELAXED_GET(board->hints->idle[i]) != 0)
			return true;
	return false;
}

size_t
scoreboard_count_idle(struct scoreboard *board, size_t enough)
{
	size_t count = 0;

	for (size_t i = 0; i * SCOREBOARD_IDLE_BITS < board->count; i++) {
		if (count >= enough)
			break;
		count += (size_t)__builtin_popcountll(
		    atomic_load(&board->hints->idle[i]));
	}
	return count;
}

/*
 * A worker does these two steps in the opposite order, so whichever process
 * comes second sees what the first has done.
 */
bool
scoreboard_want_idle(struct scoreboard *board, size_t wanted)
{
	atomic_store(&board->hints->idle_wanted, wanted);
	if (wanted == 0 || scoreboard_count_idle(board, wanted) >= wanted)
		return true;
	atomic_store(&board->hints->idle_wanted, 0);
	return false;
}

bool
scoreboard_is_missed(struct scoreboard *board)
{
	size_t wanted = atomic_load(&board->hints->idle_wanted);

	return wanted > 0 && scoreboard_count_idle(board, wanted) < wanted &&
	    atomic_exchange(&board->hints->idle_wanted, 0) > 0;
}

bool
scoreboard_may_leave(struct scoreboard *board)
{
	pid_t nobody = 0;

	return RELAXED_GET(board->hints->leaving) == 0 &&
	    atomic_compare_exchange_strong(
		&board->hints->leaving, &nobody, getpid());
}

pid_t
scoreboard_who_leaves(const struct scoreboard *board)
{
	return RELAXED_GET(board->hints->leaving);
}

void
scoreboard_has_left(struct scoreboard *board)
{
	RELAXED_SET(board->hints->leaving, 0);
}

bool
scoreboard_want_reload(struct scoreboard *board)
{
	return !atomic_exchange(&board->hints->reload_wanted, true);
}

bool
scoreboard_wants_reload(const struct scoreboard *board)
{
	return RELAXED_GET(board->hints->reload_wanted);
}

void
scoreboard_reloads(struct scoreboard *board)
{
	atomic_store(&board->hints->reload_wanted, false);
}
