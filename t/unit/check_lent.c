#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "process/lot/state.h"
#include "shared/scoreboard.h"
#include "unit.h"

#define SLOTS 2
#define MEMORY (1 << 20)

static struct inherited inherited;
static struct lot lot;

void
unit_set_up(void)
{
	inherited = (struct inherited){.board = scoreboard_create(SLOTS),
	    .loans = loans_create(SLOTS),
	    .predecessor = {.from = -1, .to = -1},
	    .lot_memory = MEMORY};
	ck_assert_ptr_nonnull(inherited.board);
	ck_assert_ptr_nonnull(inherited.loans);
	ck_assert_int_eq(channel_open(&inherited.ready), 0);
	ck_assert_int_eq(channel_open(&inherited.parked), 0);
	scoreboard_use(inherited.board, SLOTS - 1);
	lot = (struct lot){
	    .inherited = &inherited,
	    .scratch = malloc(HANDOFF_BYTES_MAX),
	    .channel_max = SLOTS,
	    .max = 100,
	    .room = MEMORY,
	};
	ck_assert_ptr_nonnull(lot.scratch);
	ck_assert_int_eq(parked_all_init(&lot.parked), 0);
	ck_assert_int_eq(lot_lent_init(&lot), 0);
	client_share_init(&lot.client_share, NULL, inherited.board);
	score_lot_start(inherited.board->lot, lot.max);
}

static void
close_channel(struct channel *channel)
{
	close(channel->from);
	close(channel->to);
}

void
unit_tear_down(void)
{
	parked_all_free(&lot.parked);
	lot_lent_free(&lot);
	free(lot.scratch);
	close_channel(&inherited.ready);
	close_channel(&inherited.parked);
	loans_free(inherited.loans);
	scoreboard_free(inherited.board);
}

/* A client, and its descriptors in workers: closed where it is -1. */
struct lent_client {
	int fd;
	int first; /* of the worker that it was recalled from, which stands still */
	int second;
	struct handoff h; /* as the second has received it */
};

/* It is recalled from a worker, and lent to another, which has received it. */
static struct lent_client
lend(void)
{
	struct deferred deferred;
	char bytes[100];
	int ends[2];
	size_t len;
	struct lent_client c;
	struct parked *b;

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	c.fd = ends[0];
	c.first = dup(ends[1]);
	b = parked_new(&lot.parked, ends[1], PARKED_READY);
	ck_assert_ptr_nonnull(b);
	parked_add_bytes(&lot.parked, b, "GET", 3);
	b->recalled = true;
	b->requests = 1;
	lot_hand_over_ready(&lot);
	c.second = channel_receive(
	    &inherited.ready, &c.h, bytes, sizeof(bytes), &len, &deferred);
	ck_assert_int_ne(c.second, -1);
	ck_assert_uint_ne(c.h.loan.place, 0);
	ck_assert(c.h.recalled);
	return c;
}

static void
close_second(struct lent_client *c)
{
	close(c->second);
	c->second = -1;
}

/* All that a client's end needs besides: nobody else has the connection. */
static void
forget(struct lent_client *c)
{
	close(c->fd);
	close(c->first);
	if (c->second != -1)
		close(c->second);
}

/* Two audits: the lot knows then that nobody has the loan. */
static void
audit(void)
{
	for (int i = 0; i < 2; i++) {
		lot.lent.audit_at = 0;
		lot_look_for_lost_loans(&lot);
	}
	parked_all_free_closed(&lot.parked);
}

static bool
sees_the_end(const struct lent_client *c)
{
	char byte;
	ssize_t n = recv(c->fd, &byte, 1, MSG_DONTWAIT);

	ck_assert(n == 0 || (n == -1 && errno == EAGAIN));
	return n == 0;
}

/* In a message, which says so, and names the loan. */
static void
park(const struct lent_client *c)
{
	const struct handoff h = {
	    .kind = HANDOFF_WAIT,
	    .recalled = c->h.recalled,
	    .loan = c->h.loan,
	    .requests = 1,
	};

	ck_assert_int_eq(
	    channel_send(&inherited.parked, &h, c->second, NULL, 0, NULL), 0);
}

static void
end_idle(void)
{
	struct parked *b = parked_all_first(&lot.parked, PARKED_IDLE);

	ck_assert_ptr_nonnull(b);
	parked_release(&lot.parked, b);
	ck_assert_uint_eq(lot.parked.count, 0);
}

TEST(one_that_is_received_and_never_claimed_ends)
{
	struct lent_client c = lend();

	close_second(&c);
	audit();
	ck_assert_uint_eq(lot.parked.count, 0);
	ck_assert(sees_the_end(&c));
	forget(&c);
}

/* Its worker could not say that: its mailbox was full. */
TEST(one_that_is_disclaimed_in_silence_ends)
{
	struct lent_client c = lend();

	loan_claim(inherited.loans, 0, &c.h.loan);
	audit();
	ck_assert_uint_eq(lot.parked.counts[PARKED_LENT], 1);
	ck_assert(!sees_the_end(&c));
	close_second(&c);
	loan_disclaim(inherited.loans, 0);
	audit();
	ck_assert_uint_eq(lot.parked.count, 0);
	ck_assert(sees_the_end(&c));
	forget(&c);
}

/* The same, but it has gone to the lot in a message: the mark is there. */
TEST(one_that_moves_goes_on_and_ends_later)
{
	struct lent_client c = lend();

	loan_claim(inherited.loans, 0, &c.h.loan);
	park(&c);
	close_second(&c);
	loan_disclaim(inherited.loans, 0);
	audit();
	ck_assert_uint_eq(lot.parked.counts[PARKED_LENT], 1);
	ck_assert(!sees_the_end(&c));
	lot_take_from(&lot, &inherited.parked);
	ck_assert_uint_eq(lot.parked.counts[PARKED_LENT], 0);
	audit();
	ck_assert(!sees_the_end(&c));
	end_idle();
	ck_assert(sees_the_end(&c));
	forget(&c);
}

/* A worker that dies behind that message, and one that dies without any. */
TEST(a_worker_that_dies_ends_what_has_not_moved)
{
	struct lent_client moved = lend(), lost = lend();

	loan_claim(inherited.loans, 0, &moved.h.loan);
	loan_claim(inherited.loans, 1, &lost.h.loan);
	park(&moved);
	close_second(&moved);
	close_second(&lost);
	loan_note_death(inherited.loans, 0);
	(void)lot_take_back_loans(&lot);
	ck_assert(!sees_the_end(&moved));
	lot_take_from(&lot, &inherited.parked);
	loan_note_death(inherited.loans, 1);
	(void)lot_take_back_loans(&lot);
	ck_assert(sees_the_end(&lost));
	audit();
	ck_assert(!sees_the_end(&moved));
	end_idle();
	ck_assert(sees_the_end(&moved));
	forget(&moved);
	forget(&lost);
}

/* What the lot has been told twice is no mistake of the worker. */
TEST(the_record_of_one_that_has_arrived_is_in_order)
{
	struct lent_client c = lend();
	const struct loan_record record = {.name = c.h.loan, .end = LOAN_MOVES};

	park(&c);
	lot_take_from(&lot, &inherited.parked);
	ck_assert(loan_give_back(inherited.loans, 0, &record));
	lot_read_mailboxes(&lot);
	ck_assert_uint_eq(inherited.board->lot->strays, 0);
	ck_assert_uint_eq(lot.parked.count, 1);
	forget(&c);
}
