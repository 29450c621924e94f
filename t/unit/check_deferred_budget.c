#include <sys/wait.h>

#include <unistd.h>

#include "shared/deferred_budget.h"
#include "shared/scoreboard.h"
#include "shared/scoreboard_raw.h"
#include "unit.h"

#define SLOTS 4
#define MAX 1000
#define ROUNDS 20000

static struct scoreboard *board;
static struct deferred_budget *r;

void
unit_set_up(void)
{
	board = scoreboard_create(SLOTS);
	ck_assert_ptr_nonnull(board);
	scoreboard_use(board, SLOTS - 1);
	r = deferred_budget_create(board, MAX);
	ck_assert_ptr_nonnull(r);
}

void
unit_tear_down(void)
{
	deferred_budget_free(r);
	scoreboard_free(board);
}

TEST(all_together_have_no_more_than_the_bound)
{
	ck_assert(deferred_budget_take(r, 0, 400));
	ck_assert(deferred_budget_take(r, 1, 400));
	ck_assert(!deferred_budget_take(r, 2, 201));
	ck_assert_uint_eq(deferred_budget_used(r), 800);
	ck_assert(deferred_budget_take(r, 2, 200));
	ck_assert(!deferred_budget_take(r, 0, 1));
	ck_assert(deferred_budget_take(r, 0, 0));
	deferred_budget_return(r, 1, 300);
	ck_assert(deferred_budget_take(r, 0, 300));
	ck_assert_uint_eq(deferred_budget_used(r), MAX);
}

TEST(what_goes_to_the_lot_is_counted_all_the_time)
{
	ck_assert(deferred_budget_take(r, 0, 600));
	score_lot_deferred(board->lot, 600);
	/* For a moment it is in both sums. */
	ck_assert(!deferred_budget_take(r, 1, 1));
	deferred_budget_return(r, 0, 600);
	ck_assert_uint_eq(deferred_budget_used(r), 600);
	ck_assert(deferred_budget_take(r, 1, 400));
	score_lot_deferred(board->lot, 0);
	ck_assert_uint_eq(deferred_budget_used(r), 400);
}

TEST(it_goes_with_its_process)
{
	ck_assert(deferred_budget_take(r, 0, 500));
	ck_assert(deferred_budget_take(r, 1, 200));
	score_lot_deferred(board->lot, 300);
	deferred_budget_forget(r, 0);
	ck_assert_uint_eq(deferred_budget_used(r), 500);
	score_lot_end(board->lot);
	ck_assert_uint_eq(deferred_budget_used(r), 200);
}

/* The lot has it from a worker that is dead, and has a successor. */
TEST(no_sum_becomes_less_than_nothing)
{
	ck_assert(deferred_budget_take(r, 0, 500));
	deferred_budget_forget(r, 0);
	ck_assert(deferred_budget_take(r, 0, 100));
	deferred_budget_return(r, 0, 500);
	ck_assert_uint_eq(deferred_budget_used(r), 0);
	ck_assert(deferred_budget_take(r, 0, MAX));
	deferred_budget_return(r, 0, MAX);
	ck_assert_uint_eq(deferred_budget_used(r), 0);
}

/* It was killed before it said so: the worker finds out. */
TEST(what_no_lot_has_is_due_until_it_is_forgotten)
{
	ck_assert(!deferred_budget_is_due(r, 0));
	ck_assert(deferred_budget_take(r, 0, 500));
	score_lot_end(board->lot);
	ck_assert(deferred_budget_is_due(r, 0));
	ck_assert(!deferred_budget_is_due(r, 1));
	deferred_budget_forget(r, 0);
	ck_assert(!deferred_budget_is_due(r, 0));
	ck_assert_uint_eq(deferred_budget_used(r), 0);
}

TEST(a_slot_that_is_none_changes_nothing)
{
	ck_assert(deferred_budget_take(r, SLOTS - 1, 100));
	deferred_budget_return(r, SLOTS, 100);
	deferred_budget_return(r, SIZE_MAX, 100);
	ck_assert_uint_eq(deferred_budget_used(r), 100);
}

/* Each takes what is more than a half: never two at once. */
static int
take_turns(size_t slot, atomic_int *holders)
{
	int both = 0;

	for (int i = 0; i < ROUNDS; i++) {
		if (!deferred_budget_take(r, slot, MAX / 2 + 1))
			continue;
		both += atomic_fetch_add(holders, 1) != 0;
		atomic_fetch_sub(holders, 1);
		deferred_budget_return(r, slot, MAX / 2 + 1);
	}
	return both > 0;
}

TEST(two_never_have_what_is_left)
{
	/* Shared, and large enough for one more number. */
	atomic_int *holders = &scoreboard_slot(board, 2)->state;
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(take_turns(0, holders));
	ck_assert_int_eq(take_turns(1, holders), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(deferred_budget_used(r), 0);
}
