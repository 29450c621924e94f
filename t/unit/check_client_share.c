#include "process/lot/client_share.h"
#include "shared/scoreboard.h"
#include "shared/scoreboard_raw.h"
#include "shared/scoreboard_read.h"
#include "unit.h"

#define SLOTS 8
#define MAX 2
#define ONE 7 /* clients */
#define OTHER 8

static struct client_share ls;
static struct scoreboard *board;
static struct client_limit *limit;

void
unit_set_up(void)
{
	board = scoreboard_create(SLOTS);
	ck_assert_ptr_nonnull(board);
	scoreboard_use(board, SLOTS - 1);
	limit = client_limit_create(board, MAX);
	ck_assert_ptr_nonnull(limit);
	client_share_init(&ls, limit, board);
	client_share_begin(&ls);
}

void
unit_tear_down(void)
{
	client_limit_free(limit);
	scoreboard_free(board);
}

static void
hand(uint64_t client)
{
	client_share_handed(&ls, client);
	score_lot_handed(board->lot);
}

/* As a worker does it. */
static void
take(size_t slot, uint64_t client)
{
	client_limit_enter(limit, slot, client);
	score_lot_taken(board);
	client_limit_recount(limit);
}

static bool
was_woken(void)
{
	return wakeup_take(&limit->freed);
}

TEST(without_a_bound_all_are_allowed)
{
	client_share_init(&ls, NULL, board);
	client_share_begin(&ls);
	for (int i = 0; i < 2 * MAX; i++) {
		ck_assert(client_share_allows(&ls, ONE));
		hand(ONE);
	}
	client_share_end(&ls, false);
}

TEST(those_on_their_way_and_those_being_served_are_a_share)
{
	ck_assert(client_share_allows(&ls, ONE));
	hand(ONE);
	take(0, ONE);
	ck_assert(client_share_allows(&ls, ONE));
	hand(ONE);
	ck_assert(!client_share_allows(&ls, ONE));
	ck_assert(client_share_allows(&ls, OTHER));
	hand(OTHER);
	take(1, ONE);
	client_share_begin(&ls);
	ck_assert(!client_share_allows(&ls, ONE));
	ck_assert(client_share_allows(&ls, OTHER));
	client_limit_leave(limit, 0);
	client_share_begin(&ls);
	ck_assert(client_share_allows(&ls, ONE));
}

TEST(a_unix_socket_has_no_share)
{
	for (int i = 0; i < 2 * MAX; i++) {
		ck_assert(client_share_allows(&ls, CLIENT_LIMIT_NOBODY));
		hand(CLIENT_LIMIT_NOBODY);
	}
}

/* As somebody may have it who has taken over a worker. */
TEST(a_false_count_of_what_was_taken_ends)
{
	hand(ONE);
	atomic_store(&board->common->taken, UINT64_MAX / 2);
	(void)client_share_allows(&ls, ONE);
	atomic_store(&board->common->taken, UINT64_MAX / 2 + 2);
	client_share_begin(&ls);
	(void)client_share_allows(&ls, ONE);
	ck_assert_int_le(score_lot_on_the_way(board), SCORE_CHANNEL_MAX);
}

TEST(what_was_lost_is_nobodys_share)
{
	hand(ONE);
	hand(ONE);
	ck_assert(!client_share_allows(&ls, ONE));
	score_lot_settle(board, score_lot_on_the_way(board));
	client_share_begin(&ls);
	ck_assert(client_share_allows(&ls, ONE));
}

/* Between two looks nothing else may happen that would wake the lot. */
TEST(who_leaves_or_arrives_during_a_look_wakes_the_lot)
{
	take(0, ONE);
	hand(ONE);
	client_limit_enter(limit, 1, ONE);
	(void)was_woken();
	ck_assert(!client_share_allows(&ls, ONE)); /* counted twice */
	score_lot_taken(board);
	client_limit_recount(limit);
	ck_assert(was_woken());
	client_limit_leave(limit, 0);
	ck_assert(was_woken());
	client_share_end(&ls, true);
	ck_assert(client_limit_is_wanted(limit));
	client_limit_leave(limit, 1);
	ck_assert(was_woken());
}

TEST(nobody_is_woken_for_nothing)
{
	ck_assert(client_share_allows(&ls, ONE));
	client_share_end(&ls, false);
	ck_assert(!client_limit_is_wanted(limit));
	hand(ONE);
	take(0, ONE);
	client_limit_leave(limit, 0);
	ck_assert(!was_woken());
}
