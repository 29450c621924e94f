#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/relaxed.h"
#include "status/snapshot.h"

static void
add_stalls(struct status_snapshot *s, const struct score_stall_sums *stalls)
{
	for (int cause = 0; cause < STALL_CAUSES; cause++) {
		s->stall_time[cause] += stalls->time[cause];
		for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
			s->stalls[cause][i] += stalls->counts[cause][i];
			s->stall_count[cause] += stalls->counts[cause][i];
		}
	}
}

static void
add_sums(struct status_snapshot *s, const struct score_reading *score)
{
	for (int i = 0; i < SCORE_COUNTS; i++)
		s->counts[i] += score->counts[i];
	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
		s->latency[i] += score->latency[i];
	for (int i = 0; i < SCORE_STATES; i++)
		s->spent[i] += score->spent[i];
	add_stalls(s, &score->stalls);
}

static void
add_worker(struct status_snapshot *s, size_t number,
    const struct score_reading *score, int64_t now)
{
	struct status_worker *w = &s->workers[s->worker_count++];

	*w = (struct status_worker){
	    .number = number,
	    .age = now > score->since ? now - score->since : 0,
	    .score = *score,
	};
}

/* A vacant slot still has the counts of the workers that were there. */
static void
take_slots(struct status_snapshot *s, const struct scoreboard *board,
    int64_t now, bool listed)
{
	size_t used = RELAXED_GET(board->server->used);

	if (listed)
		s->workers = memory_get_array(used, sizeof(s->workers[0]));
	for (size_t i = 0; i < used; i++) {
		struct score_reading score;

		score_read(scoreboard_slot(board, i), &score);
		add_sums(s, &score);
		if (score.state == SCORE_VACANT)
			continue;
		s->by_state[score.state]++;
		s->lot.served += score.kept;
		if (listed)
			add_worker(s, i + 1, &score, now);
	}
}

/* The lot does not see when a worker serves a client that it has kept. */
static void
count_kept(struct status_snapshot *s)
{
	uint64_t *waiting = s->lot.waiting;

	if (s->lot.served > waiting[WAIT_IDLE])
		s->lot.served = waiting[WAIT_IDLE];
	waiting[WAIT_IDLE] -= s->lot.served;
	waiting[WAIT_LENT] += s->lot.served;
}

static void
take_lot(struct status_snapshot *s, const struct score_lot *lot)
{
	struct score_stall_sums stalls;

	for (int i = 0; i < SCORE_WAITS; i++) {
		s->lot.waiting[i] = score_lot_waiting(lot, (enum score_wait)i);
		s->lot.all += s->lot.waiting[i];
	}
	count_kept(s);
	s->lot.all -= s->lot.waiting[WAIT_LENT];
	s->lot.peak = RELAXED_GET(lot->peak);
	s->lot.room = RELAXED_GET(lot->room);
	s->lot.accepted = RELAXED_GET(lot->accepted);
	s->lot.evicted = RELAXED_GET(lot->evicted);
	s->lot.strays = RELAXED_GET(lot->strays);
	s->lot.deferred = RELAXED_GET(lot->deferred);
	s->counts[COUNT_ABORTED] += RELAXED_GET(lot->aborted);
	score_read_stalls(&lot->stalls, &stalls);
	add_stalls(s, &stalls);
}

static void
take_listeners(struct status_snapshot *s, const struct listeners *listeners)
{
	s->listeners =
	    memory_get_array(listeners->count, sizeof(s->listeners[0]));
	s->listener_count = listeners->count;
	for (size_t i = 0; i < listeners->count; i++) {
		s->listeners[i].url = listeners->at[i].url;
		s->listeners[i].known =
		    backlog_read(listeners->at[i].fd, &s->listeners[i].backlog);
	}
}

void
status_take(
    struct status_snapshot *s, const struct status_sources *from, pid_t master)
{
	const struct scoreboard *board = from->board;
	bool listed = from->listeners != NULL;
	int64_t now = clock_now();

	*s = (struct status_snapshot){
	    .version = TINED_VERSION,
	    .master = master,
	    .uptime = now - board->started,
	    .time = time(NULL),
	    .stopping = atomic_load(&board->server->stopping),
	};
	if (listed)
		take_listeners(s, from->listeners);
	take_slots(s, board, now, listed);
	for (int i = 0; i < SCORE_EVENTS; i++)
		s->events[i] = RELAXED_GET(board->server->events[i]);
	s->has_lot = board->has_lot;
	take_lot(s, board->lot);
	s->knows_overflows =
	    backlog_read_overflows(from->overflows, &s->overflows);
}

void
status_release(struct status_snapshot *s)
{
	free(s->workers);
	free(s->listeners);
	*s = (struct status_snapshot){0};
}

bool
status_is_busy(enum score_state state)
{
	return state >= SCORE_READING && state <= SCORE_LINGERING;
}

uint64_t
status_busy(const struct status_snapshot *s)
{
	uint64_t busy = 0;

	for (int i = 0; i < SCORE_STATES; i++)
		if (status_is_busy((enum score_state)i))
			busy += s->by_state[i];
	return busy;
}

char
status_letter(enum score_state state)
{
	static const char letters[SCORE_STATES] = {
	    [SCORE_VACANT] = '.',
	    [SCORE_STARTING] = 'S',
	    [SCORE_IDLE] = '_',
	    [SCORE_READING] = 'R',
	    [SCORE_RUNNING] = 'X',
	    [SCORE_WRITING] = 'W',
	    [SCORE_WAITING] = 'w',
	    [SCORE_LINGERING] = 'L',
	    [SCORE_STOPPING] = 'G',
	};

	return letters[state];
}
