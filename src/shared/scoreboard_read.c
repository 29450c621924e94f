#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/relaxed.h"
#include "shared/scoreboard_raw.h"
#include "shared/scoreboard_read.h"

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

/* By so much a lot that is well does not run too late, unless CPUs are scarce. */
#define LOT_LATE CLOCK_SECOND
/* Descriptors that may be on their way to the lot before it counts them. */
#define LOT_MARGIN 64
/*
 * The most descriptors of a deferred response, in addition to the connection's.
 */
#define REST_DESCRIPTORS 2

static enum score_state
as_state(int state)
{
	return state > 0 && state < SCORE_STATES ? (enum score_state)state
						 : SCORE_VACANT;
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

void
score_read_stalls(const struct score_stalls *s, struct score_stall_sums *out)
{
	for (int cause = 0; cause < STALL_CAUSES; cause++) {
		out->time[cause] = RELAXED_GET(s->time[cause]);
		for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
			out->counts[cause][i] =
			    RELAXED_GET(s->counts[cause][i]);
	}
}

static void
read_counts(const struct score *s, struct score_reading *out)
{
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
		out->latency[i] = RELAXED_GET(s->latency[i]);
	score_read_stalls(&s->stalls, &out->stalls);
	for (int i = 0; i < SCORE_COUNTS; i++)
		out->counts[i] = RELAXED_GET(s->counts[i]);
	out->requests = count_since_mark(s, out, COUNT_REQUESTS);
	out->bytes = count_since_mark(s, out, COUNT_SENT);
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
	out->since = score_as_past(out->since, now);
	out->began = score_as_past(RELAXED_GET(s->began), now);
	out->kept = RELAXED_GET(s->kept) != 0;
	out->fate = as_fate(RELAXED_GET(s->fate));
	out->status = as_status(RELAXED_GET(s->status));
	out->content = RELAXED_GET(s->content);
	if (out->state != SCORE_VACANT)
		out->spent[out->state] += (uint64_t)(now - out->since);
	read_counts(s, out);
}

enum score_state
score_state(const struct score *s)
{
	return as_state(RELAXED_GET(s->state));
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
	    [SCORE_WAITING] = "waiting",
	    [SCORE_LINGERING] = "lingering",
	    [SCORE_STOPPING] = "stopping",
	};

	return names[state];
}

int64_t
score_since(const struct score *s)
{
	return score_as_past(RELAXED_GET(s->since), clock_now());
}

int64_t
score_running_since(const struct score *s)
{
	int64_t since = score_since(s);

	return RELAXED_GET(s->state) == SCORE_RUNNING ? since : CLOCK_NEVER;
}

bool
score_streams(const struct score *s)
{
	return RELAXED_GET(s->streams) != 0;
}

int64_t
score_came(const struct score *s)
{
	return score_as_past(RELAXED_GET(s->came), clock_now());
}

bool
score_has_request(const struct score *s)
{
	return s->request[0] != '\0';
}

int64_t
score_began(const struct score *s)
{
	return score_as_past(RELAXED_GET(s->began), clock_now());
}

uint64_t
score_count(const struct score *s, enum score_count what)
{
	return RELAXED_GET(s->counts[what]);
}

bool
score_has_followed(const struct score *s, unsigned number)
{
	return RELAXED_GET(s->logs) == number;
}

bool
score_take_request(
    struct score *s, struct quarantine_entry *entry, struct quarantine_key *key)
{
	return quarantine_take(&s->current_request, entry, key);
}

/*
 * A worker that was taken over may have set bits of slots that have no worker, and
 * nobody would clear them.
 */
static uint64_t
idle_workers(const struct scoreboard *board, size_t word)
{
	return atomic_load(&board->common->idle[word]) &
	    RELAXED_GET(board->server->present[word]);
}

static uint64_t
free_workers(const struct scoreboard *board, size_t word)
{
	return RELAXED_GET(board->common->free[word]) &
	    RELAXED_GET(board->server->present[word]);
}

static size_t
words_used(const struct scoreboard *board)
{
	size_t used = RELAXED_GET(board->server->used);

	return (used + SCOREBOARD_IDLE_BITS - 1) / SCOREBOARD_IDLE_BITS;
}

bool
scoreboard_is_idle(const struct scoreboard *board, size_t slot)
{
	return (idle_workers(board, slot / SCOREBOARD_IDLE_BITS) >>
		       slot % SCOREBOARD_IDLE_BITS &
		   1) != 0;
}

bool
scoreboard_has_idle(const struct scoreboard *board)
{
	size_t words = words_used(board);

	for (size_t i = 0; i < words; i++)
		if (idle_workers(board, i) != 0)
			return true;
	return false;
}

size_t
scoreboard_count_idle(const struct scoreboard *board, size_t enough)
{
	size_t words = words_used(board);
	size_t count = 0;

	for (size_t i = 0; i < words && count < enough; i++)
		count += (size_t)__builtin_popcountll(idle_workers(board, i));
	return count;
}

bool
scoreboard_can_take(const struct scoreboard *board, size_t count)
{
	size_t words = words_used(board);
	size_t can = 0;

	for (size_t i = 0; i < words; i++)
		can += (size_t)__builtin_popcountll(
		    idle_workers(board, i) | free_workers(board, i));
	return can >= count;
}

bool
scoreboard_is_asleep(const struct scoreboard *board)
{
	return RELAXED_GET(board->common->asleep);
}

bool
scoreboard_wants_reload(const struct scoreboard *board)
{
	return RELAXED_GET(board->common->reload_wanted);
}

int64_t
scoreboard_stall_seen(const struct scoreboard *board, int64_t now)
{
	return score_as_past(RELAXED_GET(board->common->stall_seen), now);
}

pid_t
scoreboard_who_leaves(const struct scoreboard *board)
{
	return as_pid(RELAXED_GET(board->common->leaving));
}

bool
score_lot_is_there(const struct score_lot *lot)
{
	return RELAXED_GET(lot->pid) != 0;
}

bool
score_lot_has_followed(const struct score_lot *lot, unsigned number)
{
	return RELAXED_GET(lot->logs) == number;
}

int64_t
score_lot_due(const struct score_lot *lot, int64_t now)
{
	int64_t due = RELAXED_GET(lot->due);

	if (due == CLOCK_NEVER)
		return CLOCK_NEVER;
	return due < now + SCORE_LOT_NAP ? due : now + SCORE_LOT_NAP;
}

uint32_t
score_lot_number(const struct score_lot *lot)
{
	return RELAXED_GET(lot->number);
}

bool
score_lot_must_wake(const struct score_lot *lot, int64_t now, int64_t longest)
{
	int64_t due = atomic_load(&lot->due);

	return due > now &&
	    (due - now > longest || RELAXED_GET(lot->wants_loans));
}

bool
score_lot_is_late(const struct score_lot *lot, int64_t now)
{
	return RELAXED_GET(lot->due) < now - LOT_LATE;
}

bool
score_lot_is_crowded(const struct score_lot *lot)
{
	uint64_t held = REST_DESCRIPTORS * RELAXED_GET(lot->waiting[WAIT_SEND]);

	for (int i = 0; i < SCORE_WAITS; i++)
		held += RELAXED_GET(lot->waiting[i]);
	return held + LOT_MARGIN > RELAXED_GET(lot->room);
}

uint64_t
score_lot_waiting(const struct score_lot *lot, enum score_wait what)
{
	uint64_t count = RELAXED_GET(lot->waiting[what]);

	return count < SCORE_LOT_MAX ? count : SCORE_LOT_MAX;
}

int64_t
score_lot_on_the_way(const struct scoreboard *board)
{
	uint64_t taken = RELAXED_GET(board->common->taken);
	int64_t count = (int64_t)(RELAXED_GET(board->lot->handed) - taken);

	if (count > SCORE_CHANNEL_MAX)
		return SCORE_CHANNEL_MAX;
	return count > -SCORE_CHANNEL_MAX ? count : -SCORE_CHANNEL_MAX;
}
