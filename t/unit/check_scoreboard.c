#include <sys/mman.h>
#include <sys/wait.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "shared/scoreboard.h"
#include "shared/scoreboard_raw.h"
#include "shared/scoreboard_read.h"
#include "status/snapshot.h"
#include "unit.h"

#define SLOTS 3
#define REST 500 /* turns of an empty loop between two requests */

static struct scoreboard *board;
static struct score_reading reading;

void
unit_set_up(void)
{
	board = scoreboard_create(SLOTS);
	ck_assert_ptr_nonnull(board);
}

void
unit_tear_down(void)
{
	scoreboard_free(board);
}

TEST(slots_are_empty_and_share_no_cache_line)
{
	ck_assert_uint_eq(board->count, SLOTS);
	for (size_t i = 0; i < SLOTS; i++) {
		score_read(scoreboard_slot(board, i), &reading);
		ck_assert_int_eq(reading.pid, 0);
		ck_assert_str_eq(reading.request, "");
		ck_assert_uint_eq(
		    (uintptr_t)scoreboard_slot(board, i) % SCORE_ALIGNMENT, 0);
	}
	ck_assert_uint_eq(sizeof(struct score) % SCORE_ALIGNMENT, 0);
}

TEST(a_worker_that_is_idle_or_free_can_take_a_client)
{
	scoreboard_use(board, 0);
	scoreboard_use(board, 2);
	ck_assert(scoreboard_can_take(board, 0));
	ck_assert(!scoreboard_can_take(board, 1));
	scoreboard_set_free(board, 2, true);
	ck_assert(scoreboard_can_take(board, 1));
	ck_assert(!scoreboard_has_idle(board));
	scoreboard_set_idle(board, 2, true); /* it is one */
	ck_assert(!scoreboard_can_take(board, 2));
	scoreboard_set_idle(board, 0, true);
	ck_assert(scoreboard_can_take(board, 2));
	scoreboard_set_idle(board, 0, false);
	scoreboard_set_free(board, 2, false);
	ck_assert(scoreboard_can_take(board, 1));
	scoreboard_set_idle(board, 2, false);
	ck_assert(!scoreboard_can_take(board, 1));
}

static void
claim_for_all(void)
{
	for (size_t i = 0; i < SCOREBOARD_SLOTS_MAX; i++) {
		scoreboard_set_idle(board, i, true);
		scoreboard_set_free(board, i, true);
	}
}

/* A worker that was taken over may write it, also while there is none. */
TEST(a_slot_without_a_worker_is_neither_idle_nor_free)
{
	claim_for_all();
	ck_assert(!scoreboard_has_idle(board));
	ck_assert(!scoreboard_can_take(board, 1));
	ck_assert_uint_eq(scoreboard_count_idle(board, SLOTS), 0);
	scoreboard_use(board, 2);
	ck_assert(!scoreboard_has_idle(board));
	ck_assert(!scoreboard_can_take(board, 1));
	claim_for_all();
	ck_assert(scoreboard_is_idle(board, 2));
	ck_assert(!scoreboard_is_idle(board, 1));
	ck_assert(scoreboard_can_take(board, 1));
	ck_assert(!scoreboard_can_take(board, 2));
	ck_assert_uint_eq(scoreboard_count_idle(board, SLOTS), 1);
	scoreboard_leave(board, 2);
	claim_for_all();
	ck_assert(!scoreboard_has_idle(board));
	ck_assert(!scoreboard_is_idle(board, 2));
	ck_assert(!scoreboard_can_take(board, 1));
	ck_assert_uint_eq(scoreboard_count_idle(board, SLOTS), 0);
}

/* The master asks for these: a list would need memory, which may be short. */
TEST(sums_are_taken_without_lists)
{
	const struct backlog_overflows overflows = {.fd = -1};
	const struct status_sources from = {
	    .board = board, .overflows = &overflows};
	struct status_snapshot s;

	scoreboard_use(board, 2);
	score_start(scoreboard_slot(board, 0), 7);
	score_start(scoreboard_slot(board, 2), 8);
	score_enter(scoreboard_slot(board, 2), SCORE_IDLE);
	score_add(scoreboard_slot(board, 2), COUNT_REQUESTS, 5);
	status_take(&s, &from, 1);
	ck_assert_ptr_null(s.workers);
	ck_assert_ptr_null(s.listeners);
	ck_assert_uint_eq(s.by_state[SCORE_STARTING], 1);
	ck_assert_uint_eq(s.by_state[SCORE_IDLE], 1);
	ck_assert_uint_eq(s.counts[COUNT_REQUESTS], 5);
}

TEST(a_worker_starts_with_nothing_of_the_one_before)
{
	struct score *s = scoreboard_slot(board, 1);

	score_start(s, 7);
	score_connection(s, TEXT("192.0.2.1"));
	score_request(s, TEXT("GET / HTTP/1.1"));
	score_add(s, COUNT_REQUESTS, 2);
	score_add(s, COUNT_SENT, 300);
	score_start(s, 8);
	score_read(s, &reading);
	ck_assert_int_eq(reading.pid, 8);
	ck_assert_int_eq(reading.state, SCORE_STARTING);
	ck_assert_str_eq(reading.request, "");
	ck_assert_str_eq(reading.client, "");
	ck_assert_uint_eq(reading.requests, 0);
	ck_assert_uint_eq(reading.bytes, 0);
}

TEST(what_a_worker_does_is_read_back)
{
	struct score *s = scoreboard_slot(board, 0);
	int64_t before = clock_now();

	score_start(s, 7);
	score_enter(s, SCORE_READING);
	score_connection(s, TEXT("192.0.2.1"));
	score_request(s, TEXT("GET / HTTP/1.1"));
	score_add(s, COUNT_REQUESTS, 1);
	score_add(s, COUNT_REQUESTS, 2);
	score_add(s, COUNT_SENT, 150);
	score_enter(s, SCORE_WRITING);
	score_read(s, &reading);
	ck_assert_int_eq(reading.state, SCORE_WRITING);
	ck_assert_int_ge(reading.since, before);
	ck_assert_int_le(reading.since, clock_now());
	ck_assert_str_eq(reading.client, "192.0.2.1");
	ck_assert_str_eq(reading.request, "GET / HTTP/1.1");
	ck_assert_uint_eq(reading.requests, 3);
	ck_assert_uint_eq(reading.bytes, 150);
	score_read(scoreboard_slot(board, 1), &reading);
	ck_assert_uint_eq(reading.requests, 0);
}

TEST(a_new_client_has_not_asked_for_anything)
{
	struct score *s = scoreboard_slot(board, 0);

	score_start(s, 7);
	score_connection(s, TEXT("192.0.2.1"));
	score_request(s, TEXT("GET /secret HTTP/1.1"));
	score_connection(s, TEXT("192.0.2.2"));
	score_read(s, &reading);
	ck_assert_str_eq(reading.request, "");
	ck_assert_str_eq(reading.client, "192.0.2.2");
}

TEST(time_is_counted_for_the_state_it_was_spent_in)
{
	struct score *s = scoreboard_slot(board, 0);
	uint64_t spent = 0;
	int64_t start, end;

	score_start(s, 7);
	start = atomic_load(&s->since);
	for (int i = SCORE_STARTING; i < SCORE_STATES; i++)
		score_enter(s, (enum score_state)i);
	score_enter(s, SCORE_IDLE);
	end = atomic_load(&s->since);
	for (int i = 0; i < SCORE_STATES; i++)
		spent += atomic_load(&s->spent[i]);
	ck_assert_uint_eq(spent, (uint64_t)(end - start));
}

TEST(what_is_counted_outlives_the_worker)
{
	struct score *s = scoreboard_slot(board, 0);

	score_start(s, 7);
	score_add(s, COUNT_REQUESTS, 5);
	score_add_latency(s, 3 * CLOCK_MILLISECOND);
	score_enter(s, SCORE_RUNNING);
	score_end(s);
	score_read(s, &reading);
	ck_assert_int_eq(reading.pid, 0);
	ck_assert_int_eq(reading.state, SCORE_VACANT);
	score_start(s, 8);
	score_add(s, COUNT_REQUESTS, 2);
	score_read(s, &reading);
	ck_assert_uint_eq(reading.requests, 2);
	ck_assert_uint_eq(reading.counts[COUNT_REQUESTS], 7);
	ck_assert_uint_eq(reading.counts[COUNT_LATENCY], 3 * CLOCK_MILLISECOND);
	ck_assert_uint_eq(
	    reading.latency[histogram_bucket(3 * CLOCK_MILLISECOND)], 1);
}

TEST(no_time_goes_back)
{
	struct score *s = scoreboard_slot(board, 0);
	uint64_t last[SCORE_STATES] = {0};

	score_start(s, 7);
	for (int turn = 0; turn < 20000; turn++) {
		switch (turn % 7) {
		case 0:
			score_start(s, 7 + turn);
			break;
		case 3:
			score_end(s);
			break;
		default:
			score_enter(s,
			    (enum score_state)(1 + turn % (SCORE_STATES - 1)));
		}
		for (int look = 0; look < 2; look++) {
			score_read(s, &reading);
			for (int i = 0; i < SCORE_STATES; i++) {
				assert_quick(reading.spent[i] >= last[i]);
				last[i] = reading.spent[i];
			}
		}
	}
	ck_assert_uint_eq(last[SCORE_VACANT], 0);
}

TEST(a_new_lot_holds_nothing_and_counts_on)
{
	struct score_lot *lot = board->lot;

	score_lot_start(lot, 100);
	score_lot_set(lot, WAIT_IDLE, 3);
	score_lot_peak(lot, 3);
	score_lot_peak(lot, 2);
	score_lot_accepted(lot);
	score_lot_evicted(lot);
	score_lot_start(lot, 200);
	score_lot_accepted(lot);
	ck_assert_uint_eq(atomic_load(&lot->waiting[WAIT_IDLE]), 0);
	ck_assert_uint_eq(atomic_load(&lot->peak), 3);
	ck_assert_uint_eq(atomic_load(&lot->room), 200);
	ck_assert_uint_eq(atomic_load(&lot->accepted), 2);
	ck_assert_uint_eq(atomic_load(&lot->evicted), 1);
}

TEST(what_the_lot_hands_over_is_on_its_way_until_it_is_taken_or_lost)
{
	ck_assert_int_eq(score_lot_on_the_way(board), 0);
	score_lot_handed(board->lot);
	score_lot_handed(board->lot);
	ck_assert_int_eq(score_lot_on_the_way(board), 2);
	score_lot_taken(board);
	ck_assert_int_eq(score_lot_on_the_way(board), 1);
	score_lot_settle(board, score_lot_on_the_way(board));
	ck_assert_int_eq(score_lot_on_the_way(board), 0);
	score_lot_taken(board); /* it was only slow */
	ck_assert_int_eq(score_lot_on_the_way(board), -1);
	score_lot_settle(board, score_lot_on_the_way(board));
	ck_assert_int_eq(score_lot_on_the_way(board), 0);
}

TEST(the_worker_that_leaves_few_on_their_way_wakes_the_lot)
{
	struct score_lot *lot = board->lot;

	for (int i = 0; i < 4; i++)
		score_lot_handed(lot);
	ck_assert(score_lot_await_room(board, 2));
	ck_assert(!score_lot_taken(board));
	ck_assert(score_lot_await_room(board, 2));
	ck_assert(score_lot_taken(board));
	ck_assert(!score_lot_await_room(board, 2));
	ck_assert(!score_lot_taken(board));
	ck_assert(!score_lot_taken(board));
	score_lot_handed(lot);
	ck_assert(!score_lot_await_room(board, 1));
	ck_assert(score_lot_await_room(board, 0));
	ck_assert(score_lot_taken(board));
}

TEST(a_lot_with_few_descriptors_left_is_crowded)
{
	struct score_lot *lot = board->lot;

	score_lot_start(lot, 1000);
	score_lot_set(lot, WAIT_IDLE, 900);
	ck_assert(!score_lot_is_crowded(lot));
	score_lot_set(lot, WAIT_HEAD, 37);
	ck_assert(score_lot_is_crowded(lot));
	score_lot_set(lot, WAIT_IDLE, 0);
	score_lot_set(lot, WAIT_SEND, 299);
	ck_assert(!score_lot_is_crowded(lot));
	score_lot_set(lot, WAIT_SEND, 300);
	ck_assert(score_lot_is_crowded(lot));
}

TEST(strings_are_cut_to_their_room)
{
	struct score *s = scoreboard_slot(board, 0);
	char text[1000];

	memset(text, 'x', sizeof(text));
	score_start(s, 7);
	for (size_t len = 0; len < sizeof(text); len++) {
		size_t request =
		    len < SCORE_REQUEST_MAX ? len : SCORE_REQUEST_MAX - 1;
		size_t client =
		    len < SCORE_CLIENT_MAX ? len : SCORE_CLIENT_MAX - 1;

		score_connection(s, (struct text){text, len});
		score_request(s, (struct text){text, len});
		score_read(s, &reading);
		assert_quick(strlen(reading.request) == request);
		assert_quick(strlen(reading.client) == client);
	}
	score_read(scoreboard_slot(board, 1), &reading);
	ck_assert_str_eq(reading.request, "");
}

TEST(a_worker_that_died_while_writing_is_read_and_replaced)
{
	struct score *s = scoreboard_slot(board, 0);

	score_start(s, 7);
	/* As it is between the beginning and the end of a change. */
	atomic_fetch_add(&s->sequence, 1);
	memset(s->request, 'x', sizeof(s->request));
	memset(s->client, 'y', sizeof(s->client));
	score_read(s, &reading);
	ck_assert_uint_eq(strlen(reading.request), SCORE_REQUEST_MAX - 1);
	ck_assert_uint_eq(strlen(reading.client), SCORE_CLIENT_MAX - 1);
	ck_assert_int_eq(reading.pid, 7);
	score_start(s, 8);
	ck_assert_uint_eq(atomic_load(&s->sequence) % 2, 0);
	score_request(s, TEXT("GET / HTTP/1.1"));
	score_read(s, &reading);
	ck_assert_str_eq(reading.request, "GET / HTTP/1.1");
}

/* What a worker that was taken over writes there is not believed. */
TEST(noise_is_read_within_its_ranges)
{
	struct score *s = scoreboard_slot(board, 0);
	unsigned char *bytes = (unsigned char *)s;
	int64_t now;

	for (int turn = 0; turn < 300; turn++) {
		for (size_t i = 0; i < sizeof(*s); i++)
			bytes[i] = turn < 3
			    ? (unsigned char)(turn * 0x7f + turn / 2)
			    : (unsigned char)unit_random();
		atomic_store(&s->sequence, 2);
		score_read(s, &reading);
		now = clock_now();
		assert_quick(reading.pid >= 0);
		assert_quick((unsigned)reading.state < SCORE_STATES);
		assert_quick(reading.since >= 0 && reading.since <= now);
		assert_quick(reading.began >= 0 && reading.began <= now);
		assert_quick((unsigned)reading.fate <= SCORE_CUT_OFF);
		assert_quick(reading.status >= 100 && reading.status <= 599);
		assert_quick(strlen(reading.request) < SCORE_REQUEST_MAX);
		assert_quick(strlen(reading.client) < SCORE_CLIENT_MAX);
		assert_quick((unsigned)score_state(s) < SCORE_STATES);
		assert_quick((int)score_streams(s) <= 1);
		assert_quick(score_since(s) <= clock_now());
		assert_quick(score_came(s) <= clock_now());
		assert_quick(score_began(s) <= clock_now());
		score_end(s);
		score_start(s, 7);
	}
}

/* In a child: what is not its own cannot be written, by no means. */
static bool
is_killed_by_writing(enum scoreboard_writer writer, char *at, bool by_force)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		size_t page = shared_memory_round(1);
		char *start = at - (uintptr_t)at % page;

		signal(SIGSEGV, SIG_DFL);
		if (scoreboard_confine(board, writer, 1) == -1)
			_exit(1);
		if (by_force &&
		    mprotect(start, page, PROT_READ | PROT_WRITE) == 0)
			_exit(2);
		*(volatile char *)at = 1;
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

TEST(a_process_writes_only_what_is_its_own)
{
	char *server = (char *)board->server, *lot = (char *)board->lot;
	char *common = (char *)board->common;
	char *own = (char *)scoreboard_slot(board, 1);
	char *other = (char *)scoreboard_slot(board, 2);

	ck_assert(is_killed_by_writing(SCOREBOARD_WORKER, server, false));
	ck_assert(is_killed_by_writing(SCOREBOARD_WORKER, lot, false));
	ck_assert(is_killed_by_writing(SCOREBOARD_WORKER, other, false));
	ck_assert(!is_killed_by_writing(SCOREBOARD_WORKER, own, false));
	ck_assert(!is_killed_by_writing(SCOREBOARD_WORKER, common, false));
	ck_assert(is_killed_by_writing(SCOREBOARD_LOT, server, false));
	ck_assert(!is_killed_by_writing(SCOREBOARD_LOT, lot, false));
	ck_assert(!is_killed_by_writing(SCOREBOARD_LOT, other, false));
	ck_assert(is_killed_by_writing(SCOREBOARD_READER, own, false));
	ck_assert(is_killed_by_writing(SCOREBOARD_READER, common, false));
	/* Where it can read, it cannot make it writable. */
	ck_assert(is_killed_by_writing(SCOREBOARD_WORKER, server, true));
	ck_assert(is_killed_by_writing(SCOREBOARD_WORKER, other, true));
}

TEST(every_state_has_a_name_of_its_own)
{
	for (int i = 0; i < SCORE_STATES; i++) {
		const char *name = score_state_name((enum score_state)i);

		ck_assert_ptr_nonnull(name);
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(
			    name, score_state_name((enum score_state)j));
	}
}

/* Clients and requests of one letter each, the same for both. */
static _Noreturn void
write_for_ever(struct score *s)
{
	char text[SCORE_REQUEST_MAX];

	for (unsigned turn = 0;; turn++) {
		char letter = (char)('a' + turn % 26);

		memset(text, letter, sizeof(text));
		score_connection(s, (struct text){text, 40 + turn % 24});
		score_request(s, (struct text){text, 100 + turn % 150});
		for (volatile int i = 0; i < REST; i++)
			;
	}
}

static bool
is_all(const char *s, char letter)
{
	for (; *s != '\0'; s++)
		if (*s != letter)
			return false;
	return true;
}

/*
 * A writer that was stopped in the midst of a change may be dead: nobody waits
 * for it, and what is read then may be torn.
 */
static bool
is_whole_or_in_change(struct score *s)
{
	char letter;

	score_read(s, &reading);
	letter = reading.client[0];
	return (is_all(reading.client, letter) &&
		   is_all(reading.request, letter)) ||
	    atomic_load(&s->sequence) % 2 != 0;
}

TEST(strings_are_not_torn_while_another_process_writes_them)
{
	struct score *s = scoreboard_slot(board, 0);
	int64_t end = clock_now() + CLOCK_SECOND / 2;
	size_t changes = 0;
	char last = '\0';
	pid_t writer;

	score_start(s, 7);
	writer = fork();
	ck_assert_int_ne(writer, -1);
	if (writer == 0)
		write_for_ever(s);
	while (clock_now() < end || changes < 10) {
		assert_quick(is_whole_or_in_change(s));
		changes += reading.client[0] != last;
		last = reading.client[0];
	}
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
	ck_assert_uint_ge(changes, 10);
}
