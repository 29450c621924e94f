#include <sys/mman.h>

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "memory.h"
#include "scoreboard.h"

/* Descriptors that may be on their way to the lot before it is looked at. */
#define LOT_MARGIN 64
/* Of a response that rests there, beside its connection, at most. */
#define REST_DESCRIPTORS 2

/* One writer, so plain loads and stores, only never torn. */
#define SET(object, value)                                                     \
	atomic_store_explicit(&(object), (value), memory_order_relaxed)
#define GET(object) atomic_load_explicit(&(object), memory_order_relaxed)

/* A reader that meets a writer again and again takes what it has. */
#define READ_TRIES 1100
/* So many at once; then it lets a writer go on that was interrupted. */
#define READ_SPINS 1000
#define READ_PAUSE 100000L /* nanoseconds */

static size_t
size_for(size_t count)
{
	return sizeof(struct scoreboard) + count * sizeof(struct score);
}

struct scoreboard *
scoreboard_create(size_t count)
{
	struct scoreboard *board = memory_share(size_for(count));

	if (board == NULL)
		return NULL;
	board->count = count;
	board->started = clock_now();
	return board;
}

void
scoreboard_free(struct scoreboard *board)
{
	if (board != NULL)
		munmap(board, size_for(board->count));
}

static void
begin_change(struct score *s)
{
	SET(s->sequence, GET(s->sequence) + 1);
	atomic_thread_fence(memory_order_release);
}

static void
end_change(struct score *s)
{
	atomic_thread_fence(memory_order_release);
	SET(s->sequence, GET(s->sequence) + 1);
}

/* A worker that died between begin and end left it odd. */
static void
repair(struct score *s)
{
	SET(s->sequence, GET(s->sequence) & ~1u);
}

static void
copy(char *to, size_t size, struct text from)
{
	if (from.len >= size)
		from.len = size - 1;
	if (from.len > 0)
		memcpy(to, from.at, from.len);
	to[from.len] = '\0';
}

/* What a dead worker was doing lasted until now. */
static int64_t
enter(struct score *s, enum score_state state)
{
	int old = GET(s->state);
	int64_t now;

	begin_change(s);
	now = clock_now(); /* later than that of who still reads the old */
	if (old != SCORE_VACANT)
		SET(s->spent[old],
		    GET(s->spent[old]) + (uint64_t)(now - GET(s->since)));
	SET(s->since, now);
	SET(s->state, (int)state);
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
		SET(s->marks[i], GET(s->counts[i]));
	SET(s->fate, SCORE_UNKNOWN);
	SET(s->pid, pid);
}

void
score_end(struct score *s)
{
	repair(s);
	enter(s, SCORE_VACANT);
	SET(s->pid, 0);
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
	copy(s->client, sizeof(s->client), client);
	s->request[0] = '\0';
	end_change(s);
	SET(s->came, clock_now());
}

void
score_request(struct score *s, struct text line)
{
	begin_change(s);
	copy(s->request, sizeof(s->request), line);
	end_change(s);
}

int64_t
score_begin(struct score *s, struct text line)
{
	int64_t now;

	score_request(s, line);
	now = enter(s, SCORE_RUNNING);
	SET(s->began, now);
	return now;
}

void
score_fate(struct score *s, enum score_fate fate, int status, uint64_t content)
{
	SET(s->content, content);
	SET(s->status, status);
	SET(s->fate, (int)fate);
}

int64_t
score_running_since(const struct score *s)
{
	int64_t since = GET(s->since);

	return GET(s->state) == SCORE_RUNNING ? since : CLOCK_NEVER;
}

enum score_state
score_state(const struct score *s)
{
	return (enum score_state)GET(s->state);
}

void
score_add(struct score *s, enum score_count what, uint64_t n)
{
	SET(s->counts[what], GET(s->counts[what]) + n);
}

void
score_add_latency(struct score *s, int64_t latency)
{
	size_t bucket = latency_bucket(latency);

	SET(s->latency[bucket], GET(s->latency[bucket]) + 1);
	score_add(s, COUNT_LATENCY, (uint64_t)latency);
}

void
scoreboard_add(struct scoreboard *board, enum score_event what)
{
	atomic_fetch_add(&board->events[what], 1);
}

/* Its counters go on; what waited in another lot is lost. */
void
score_lot_start(struct score_lot *lot, size_t room)
{
	for (int i = 0; i < SCORE_WAITS; i++)
		SET(lot->waiting[i], 0);
	atomic_store(&lot->full, false);
	SET(lot->deferred, 0);
	SET(lot->room, room);
	SET(lot->pid, getpid());
}

void
score_lot_set(struct score_lot *lot, enum score_wait what, size_t n)
{
	SET(lot->waiting[what], n);
}

void
score_lot_peak(struct score_lot *lot, size_t all)
{
	if (all > GET(lot->peak))
		SET(lot->peak, all);
}

void
score_lot_deferred(struct score_lot *lot, uint64_t bytes)
{
	SET(lot->deferred, bytes);
}

void
score_lot_end(struct score_lot *lot)
{
	SET(lot->pid, 0);
	for (int i = 0; i < SCORE_WAITS; i++)
		SET(lot->waiting[i], 0);
	SET(lot->deferred, 0);
}

bool
score_lot_is_there(const struct score_lot *lot)
{
	return GET(lot->pid) != 0;
}

void
score_lot_drained(struct score_lot *lot)
{
	atomic_store(&lot->drained, true);
}

void
score_lot_accepted(struct score_lot *lot)
{
	SET(lot->accepted, GET(lot->accepted) + 1);
}

void
score_lot_handed(struct score_lot *lot)
{
	SET(lot->handed, GET(lot->handed) + 1);
}

void
score_lot_taken(struct score_lot *lot)
{
	atomic_fetch_add(&lot->taken, 1);
}

/* A worker may say at this moment that it was only slow. */
void
score_lot_settle(struct score_lot *lot)
{
	atomic_fetch_add(&lot->taken, GET(lot->handed) - GET(lot->taken));
}

void
score_lot_evicted(struct score_lot *lot)
{
	SET(lot->evicted, GET(lot->evicted) + 1);
}

void
score_lot_aborted(struct score_lot *lot)
{
	SET(lot->aborted, GET(lot->aborted) + 1);
}

bool
score_lot_is_crowded(const struct score_lot *lot)
{
	uint64_t held = REST_DESCRIPTORS * GET(lot->waiting[WAIT_SEND]);

	for (int i = 0; i < SCORE_WAITS; i++)
		held += GET(lot->waiting[i]);
	return held + LOT_MARGIN > GET(lot->room);
}

static void
read_changing(const struct score *s, struct score_reading *out)
{
	memcpy(out->request, s->request, sizeof(out->request));
	memcpy(out->client, s->client, sizeof(out->client));
	out->state = (enum score_state)GET(s->state);
	out->since = GET(s->since);
	for (int i = 0; i < SCORE_STATES; i++)
		out->spent[i] = GET(s->spent[i]);
}

static void
read_counts(const struct score *s, struct score_reading *out)
{
	for (int i = 0; i < LATENCY_BUCKETS; i++)
		out->latency[i] = GET(s->latency[i]);
	for (int i = 0; i < SCORE_COUNTS; i++)
		out->counts[i] = GET(s->counts[i]);
	out->requests =
	    out->counts[COUNT_REQUESTS] - GET(s->marks[COUNT_REQUESTS]);
	out->bytes = out->counts[COUNT_SENT] - GET(s->marks[COUNT_SENT]);
}

int64_t
score_since(const struct score *s)
{
	return GET(s->since);
}

int64_t
score_came(const struct score *s)
{
	return GET(s->came);
}

bool
score_has_request(const struct score *s)
{
	return s->request[0] != '\0';
}

int64_t
score_began(const struct score *s)
{
	return GET(s->began);
}

uint64_t
score_count(const struct score *s, enum score_count what)
{
	return GET(s->counts[what]);
}

uint64_t
score_lot_waiting(const struct score_lot *lot, enum score_wait what)
{
	return GET(lot->waiting[what]);
}

int64_t
score_lot_on_the_way(const struct score_lot *lot)
{
	uint64_t taken = GET(lot->taken);

	return (int64_t)(GET(lot->handed) - taken);
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
		before = GET(s->sequence);
		atomic_thread_fence(memory_order_acquire);
		read_changing(s, out);
		atomic_thread_fence(memory_order_acquire);
		if (before % 2 == 0 && before == GET(s->sequence))
			break;
	}
	out->request[sizeof(out->request) - 1] = '\0';
	out->client[sizeof(out->client) - 1] = '\0';
	out->pid = GET(s->pid);
	out->began = GET(s->began);
	out->fate = (enum score_fate)GET(s->fate);
	out->status = GET(s->status);
	out->content = GET(s->content);
	if (out->state != SCORE_VACANT && now > out->since)
		out->spent[out->state] += (uint64_t)(now - out->since);
	read_counts(s, out);
}

const char *
score_wait_name(enum score_wait wait)
{
	static const char *const names[SCORE_WAITS] = {
	    [WAIT_IDLE] = "idle",
	    [WAIT_HEAD] = "head",
	    [WAIT_BODY] = "body",
	    [WAIT_WORKER] = "worker",
	    [WAIT_SEND] = "send",
	    [WAIT_LINGER] = "linger",
	};

	return names[wait];
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
	atomic_uint_least64_t *word = &board->idle[slot / SCOREBOARD_IDLE_BITS];
	uint64_t bit = UINT64_C(1) << slot % SCOREBOARD_IDLE_BITS;

	if (idle)
		atomic_fetch_or(word, bit);
	else
		atomic_fetch_and(word, ~bit);
}

bool
scoreboard_is_idle(const struct scoreboard *board, size_t slot)
{
	return (GET(board->idle[slot / SCOREBOARD_IDLE_BITS]) >>
		       slot % SCOREBOARD_IDLE_BITS &
		   1) != 0;
}

bool
scoreboard_wake(struct scoreboard *board)
{
	return GET(board->asleep) && atomic_exchange(&board->asleep, false);
}

bool
scoreboard_has_idle(struct scoreboard *board)
{
	for (size_t i = 0; i * SCOREBOARD_IDLE_BITS < board->count; i++)
		if (GET(board->idle[i]) != 0)
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
		count +=
		    (size_t)__builtin_popcountll(atomic_load(&board->idle[i]));
	}
	return count;
}

/*
 * In this order, and a worker's in the other one: whoever comes second sees
 * what the first has done.
 */
bool
scoreboard_want_idle(struct scoreboard *board, size_t wanted)
{
	atomic_store(&board->idle_wanted, wanted);
	if (wanted == 0 || scoreboard_count_idle(board, wanted) >= wanted)
		return true;
	atomic_store(&board->idle_wanted, 0);
	return false;
}

bool
scoreboard_is_missed(struct scoreboard *board)
{
	size_t wanted = atomic_load(&board->idle_wanted);

	return wanted > 0 && scoreboard_count_idle(board, wanted) < wanted &&
	    atomic_exchange(&board->idle_wanted, 0) > 0;
}

bool
scoreboard_may_leave(struct scoreboard *board)
{
	pid_t nobody = 0;

	return GET(board->leaving) == 0 &&
	    atomic_compare_exchange_strong(&board->leaving, &nobody, getpid());
}

pid_t
scoreboard_who_leaves(const struct scoreboard *board)
{
	return GET(board->leaving);
}

void
scoreboard_has_left(struct scoreboard *board)
{
	SET(board->leaving, 0);
}
