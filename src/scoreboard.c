#include <sys/mman.h>

#include <string.h>

#include "clock.h"
#include "scoreboard.h"

/* One writer, so plain loads and stores, only never torn. */
#define SET(object, value)                                                     \
	atomic_store_explicit(&(object), (value), memory_order_relaxed)
#define GET(object) atomic_load_explicit(&(object), memory_order_relaxed)

/* A reader that meets a writer again and again takes what it has. */
#define READ_TRIES 1000

static size_t
size_for(size_t count)
{
	return sizeof(struct scoreboard) + count * sizeof(struct score);
}

struct scoreboard *
scoreboard_create(size_t count)
{
	struct scoreboard *board = mmap(NULL, size_for(count),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (board == MAP_FAILED)
		return NULL;
	board->count = count;
	return board;
}

void
scoreboard_free(struct scoreboard *board)
{
	if (board != NULL)
		munmap(board, size_for(board->count));
}

static void
begin_strings(struct score *s)
{
	SET(s->sequence, GET(s->sequence) + 1);
	atomic_thread_fence(memory_order_release);
}

static void
end_strings(struct score *s)
{
	atomic_thread_fence(memory_order_release);
	SET(s->sequence, GET(s->sequence) + 1);
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

void
score_start(struct score *s, pid_t pid)
{
	/* A worker that died between begin and end left it odd. */
	SET(s->sequence, GET(s->sequence) & ~1u);
	begin_strings(s);
	s->request[0] = '\0';
	s->client[0] = '\0';
	end_strings(s);
	SET(s->requests, 0);
	SET(s->connections, 0);
	SET(s->bytes, 0);
	SET(s->state, SCORE_STARTING);
	SET(s->since, clock_now());
	SET(s->pid, pid);
}

void
score_enter(struct score *s, enum score_state state)
{
	int64_t now = clock_now();
	int old = GET(s->state);

	SET(s->spent[old],
	    GET(s->spent[old]) + (uint64_t)(now - GET(s->since)));
	SET(s->since, now);
	SET(s->state, (int)state);
}

void
score_connection(struct score *s, struct text client)
{
	SET(s->connections, GET(s->connections) + 1);
	begin_strings(s);
	copy(s->client, sizeof(s->client), client);
	s->request[0] = '\0';
	end_strings(s);
}

void
score_request(struct score *s, struct text line)
{
	begin_strings(s);
	copy(s->request, sizeof(s->request), line);
	end_strings(s);
}

void
score_served(struct score *s, uint64_t requests, uint64_t bytes)
{
	SET(s->requests, GET(s->requests) + requests);
	SET(s->bytes, GET(s->bytes) + bytes);
}

void
score_read(const struct score *s, struct score_reading *out)
{
	for (int tries = 0; tries < READ_TRIES; tries++) {
		unsigned before = GET(s->sequence);

		atomic_thread_fence(memory_order_acquire);
		memcpy(out->request, s->request, sizeof(out->request));
		memcpy(out->client, s->client, sizeof(out->client));
		atomic_thread_fence(memory_order_acquire);
		if (before % 2 == 0 && before == GET(s->sequence))
			break;
	}
	out->request[sizeof(out->request) - 1] = '\0';
	out->client[sizeof(out->client) - 1] = '\0';
	out->pid = GET(s->pid);
	out->state = (enum score_state)GET(s->state);
	out->since = GET(s->since);
	out->requests = GET(s->requests);
	out->connections = GET(s->connections);
	out->bytes = GET(s->bytes);
}

const char *
score_state_name(enum score_state state)
{
	static const char *const names[SCORE_STATES] = {
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
scoreboard_has_idle(struct scoreboard *board)
{
	for (size_t i = 0; i * SCOREBOARD_IDLE_BITS < board->count; i++)
		if (GET(board->idle[i]) != 0)
			return true;
	return false;
}
