#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/relaxed.h"
#include "shared/scoreboard.h"
#include "shared/scoreboard_raw.h"
#include "shared/scoreboard_read.h"

#define STALL_SILENCE (3600 * CLOCK_SECOND)

/*
 * Where each part begins.  Each begins at a page, so that its memory can be
 * returned to the kernel.
 */
struct layout {
	size_t lot, common, slots, end;
	size_t stride; /* bytes from one slot to the next */
};

static struct layout
lay_out(size_t count)
{
	struct layout l = {.stride = shared_memory_round(sizeof(struct score))};

	l.lot = shared_memory_round(sizeof(struct score_server));
	l.common = l.lot + shared_memory_round(sizeof(struct score_lot));
	l.slots = l.common + shared_memory_round(sizeof(struct score_common));
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
	board->common = (struct score_common *)(void *)(base + l.common);
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

	if (shared_memory_give_up(m, 0, l->common) == -1 ||
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

/* The last state of a dead worker has lasted until now. */
static int64_t
scoreboard_enter(struct score *s, enum score_state state)
{
	enum score_state old = score_state(s);
	int64_t now;

	begin_change(s);
	now = clock_now(); /* later than the time that readers may still see */
	if (old != SCORE_VACANT)
		RELAXED_SET(s->spent[old],
		    RELAXED_GET(s->spent[old]) +
			(uint64_t)(now -
			    score_as_past(RELAXED_GET(s->since), now)));
	RELAXED_SET(s->since, now);
	RELAXED_SET(s->state, (int)state);
	end_change(s);
	return now;
}

void
score_start(struct score *s, pid_t pid)
{
	repair(s);
	scoreboard_enter(s, SCORE_STARTING);
	begin_change(s);
	s->request[0] = '\0';
	s->client[0] = '\0';
	end_change(s);
	for (int i = 0; i < SCORE_COUNTS; i++)
		RELAXED_SET(s->marks[i], RELAXED_GET(s->counts[i]));
	RELAXED_SET(s->fate, SCORE_UNKNOWN);
	RELAXED_SET(s->kept, 0);
	RELAXED_SET(s->pid, pid);
}

void
score_end(struct score *s)
{
	repair(s);
	scoreboard_enter(s, SCORE_VACANT);
	RELAXED_SET(s->kept, 0);
	RELAXED_SET(s->pid, 0);
}

int64_t
score_enter(struct score *s, enum score_state state)
{
	return scoreboard_enter(s, state);
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
	RELAXED_SET(s->streams, 0);
	now = scoreboard_enter(s, SCORE_RUNNING);
	RELAXED_SET(s->began, now);
	return now;
}

void
score_set_kept(struct score *s, bool kept)
{
	RELAXED_SET(s->kept, kept);
}

void
score_stream(struct score *s)
{
	RELAXED_SET(s->streams, 1);
}

void
score_fate(struct score *s, enum score_fate fate, int status, uint64_t content)
{
	RELAXED_SET(s->content, content);
	RELAXED_SET(s->status, status);
	RELAXED_SET(s->fate, (int)fate);
}

struct quarantine_request *
score_current_request(struct score *s)
{
	return &s->current_request;
}

atomic_uint *
score_logs(struct score *s)
{
	return &s->logs;
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

struct score_stalls *
score_stalls(struct score *s)
{
	return &s->stalls;
}

void
score_add_stall(struct score_stalls *s, const struct stall *stall)
{
	atomic_uint_least64_t *count =
	    &s->counts[stall->cause][histogram_bucket(stall->time)];
	atomic_uint_least64_t *time = &s->time[stall->cause];

	RELAXED_SET(*count, RELAXED_GET(*count) + 1);
	RELAXED_SET(*time, RELAXED_GET(*time) + (uint64_t)stall->time);
}

void
scoreboard_saw_stall(struct scoreboard *board, int64_t now)
{
	RELAXED_SET(board->common->stall_seen, now);
}

bool
scoreboard_may_log_stall(
    struct scoreboard *board, enum stall_cause cause, int64_t now)
{
	_Atomic int64_t *logged = &board->common->stall_logged[cause];
	int64_t last = RELAXED_GET(*logged);

	return (last == 0 || score_as_past(last, now) < now - STALL_SILENCE) &&
	    atomic_compare_exchange_strong(logged, &last, now);
}

void
scoreboard_add(struct scoreboard *board, enum score_event what)
{
	atomic_fetch_add(&board->server->events[what], 1);
}

static void
set_bit(atomic_uint_least64_t *words, size_t slot, bool on)
{
	atomic_uint_least64_t *word = &words[slot / SCOREBOARD_IDLE_BITS];
	uint64_t bit = UINT64_C(1) << slot % SCOREBOARD_IDLE_BITS;

	if (on)
		atomic_fetch_or(word, bit);
	else
		atomic_fetch_and(word, ~bit);
}

void
scoreboard_set_idle(struct scoreboard *board, size_t slot, bool idle)
{
	set_bit(board->common->idle, slot, idle);
}

void
scoreboard_set_free(struct scoreboard *board, size_t slot, bool is_free)
{
	set_bit(board->common->free, slot, is_free);
}

void
scoreboard_use(struct scoreboard *board, size_t slot)
{
	if (slot >= RELAXED_GET(board->server->used))
		RELAXED_SET(board->server->used, slot + 1);
	scoreboard_set_idle(board, slot, false);
	scoreboard_set_free(board, slot, false);
	set_bit(board->server->present, slot, true);
}

void
scoreboard_leave(struct scoreboard *board, size_t slot)
{
	set_bit(board->server->present, slot, false);
}

void
scoreboard_sleep(struct scoreboard *board)
{
	atomic_store(&board->common->asleep, true);
}

bool
scoreboard_wake(struct scoreboard *board)
{
	return RELAXED_GET(board->common->asleep) &&
	    atomic_exchange(&board->common->asleep, false);
}

/*
 * A worker does these two steps in the opposite order, so whichever process
 * comes second sees what the first has done.
 */
bool
scoreboard_want_idle(struct scoreboard *board, size_t wanted)
{
	atomic_store(&board->common->idle_wanted, wanted);
	if (wanted == 0 || scoreboard_count_idle(board, wanted) >= wanted)
		return true;
	atomic_store(&board->common->idle_wanted, 0);
	return false;
}

bool
scoreboard_lacks_idle(struct scoreboard *board)
{
	size_t wanted = atomic_load(&board->common->idle_wanted);

	return wanted > 0 && scoreboard_count_idle(board, wanted) < wanted &&
	    atomic_exchange(&board->common->idle_wanted, 0) > 0;
}

bool
scoreboard_may_leave(struct scoreboard *board)
{
	pid_t nobody = 0;

	return RELAXED_GET(board->common->leaving) == 0 &&
	    atomic_compare_exchange_strong(
		&board->common->leaving, &nobody, getpid());
}

void
scoreboard_has_left(struct scoreboard *board)
{
	RELAXED_SET(board->common->leaving, 0);
}

bool
scoreboard_want_reload(struct scoreboard *board)
{
	return !atomic_exchange(&board->common->reload_wanted, true);
}

void
scoreboard_reloads(struct scoreboard *board)
{
	atomic_store(&board->common->reload_wanted, false);
}
