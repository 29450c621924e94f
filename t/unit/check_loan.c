#include <string.h>

#include "shared/loan.h"
#include "unit.h"

#define SLOTS 3

static struct loans *loans;
static unsigned deaths;

void
unit_set_up(void)
{
	loans = loans_create(SLOTS);
	ck_assert_ptr_nonnull(loans);
	deaths = loans_begin(loans, SLOTS);
}

void
unit_tear_down(void)
{
	loans_free(loans);
}

static struct loan_record
record_of(uint32_t place)
{
	return (struct loan_record){
	    .name = {.place = place, .lot = 7, .token = 1000 + place},
	    .end = LOAN_WAITS,
	    .requests = place,
	};
}

static bool
next(size_t slot, struct loan_record *record)
{
	return loan_next(loans, slot, record);
}

TEST(records_come_from_their_lane)
{
	struct loan_record r;

	for (uint32_t i = 1; i <= 3; i++) {
		r = record_of(i);
		ck_assert(loan_give_back(loans, 1, &r));
	}
	ck_assert(!next(0, &r));
	ck_assert(!next(2, &r));
	for (uint32_t i = 1; i <= 3; i++) {
		ck_assert(next(1, &r));
		ck_assert_uint_eq(r.name.place, i);
		ck_assert_uint_eq(r.name.token, 1000 + i);
	}
	ck_assert(!next(1, &r));
}

TEST(a_mailbox_that_is_full_takes_no_more)
{
	struct loan_record r = record_of(1);

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < LOAN_RECORDS; i++)
			ck_assert(loan_give_back(loans, 0, &r));
		loan_claim(loans, 0, &r.name);
		ck_assert(!loan_give_back(loans, 0, &r));
		ck_assert_uint_eq(loan_claimed(loans, 0).place, 1);
		for (int i = 0; i < LOAN_RECORDS; i++)
			ck_assert(next(0, &r));
		ck_assert(!next(0, &r));
	}
}

TEST(an_end_that_there_is_not_is_of_no_loan)
{
	struct loan_record r = record_of(1);

	r.end = LOAN_ENDS;
	ck_assert(loan_give_back(loans, 0, &r));
	r.end = (enum loan_end) - 1;
	ck_assert(loan_give_back(loans, 0, &r));
	for (int i = 0; i < 2; i++) {
		ck_assert(next(0, &r));
		ck_assert_uint_eq(r.name.place, 0);
	}
	ck_assert(!next(0, &r));
}

TEST(a_mailbox_in_disorder_is_in_order_when_it_was_read)
{
	for (int byte = 0; byte < 256; byte += 15) {
		struct loan_record r;

		memset(loans->at + loans->page, byte, loans->page);
		for (int i = 0; i < LOAN_RECORDS && next(0, &r); i++)
			continue;
		ck_assert(!next(0, &r));
		r = record_of(9);
		ck_assert(loan_give_back(loans, 0, &r));
		ck_assert(next(0, &r));
		ck_assert_uint_eq(r.name.place, 9);
		ck_assert(!next(0, &r));
	}
}

TEST(a_lot_that_starts_reads_nothing_old)
{
	struct loan_record r = record_of(1);

	ck_assert(loan_give_back(loans, 1, &r));
	(void)loans_begin(loans, SLOTS);
	ck_assert(!next(1, &r));
}

TEST(a_loan_is_claimed_until_it_is_given_back)
{
	struct loan_record r = record_of(5);

	loan_claim(loans, 2, &r.name);
	ck_assert_uint_eq(loan_claimed(loans, 2).token, 1005);
	ck_assert(loan_give_back(loans, 2, &r));
	ck_assert_uint_eq(loan_claimed(loans, 2).place, 0);
	loan_claim(loans, 2, &r.name);
	loan_disclaim(loans, 2);
	ck_assert_uint_eq(loan_claimed(loans, 2).place, 0);
}

/* Its slot may have another worker by then, with a loan of its own. */
TEST(a_death_is_told_after_the_slot_is_used_again)
{
	struct loan_record r = record_of(5);
	struct loan_name name;
	size_t slot;

	loan_claim(loans, 2, &r.name);
	loan_note_death(loans, 2);
	r = record_of(6);
	loan_claim(loans, 2, &r.name);
	ck_assert(loan_next_death(loans, &deaths, &name, &slot));
	ck_assert_uint_eq(name.place, 5);
	ck_assert_uint_eq(slot, 2);
	ck_assert(!loan_next_death(loans, &deaths, &name, &slot));
	ck_assert_uint_eq(loan_claimed(loans, 2).place, 6);
}

TEST(a_death_without_a_loan_is_not_told)
{
	struct loan_name name;
	size_t slot;

	loan_note_death(loans, 1);
	ck_assert(!loan_next_death(loans, &deaths, &name, &slot));
}

/* Keeps the loan of that number, and returns its place. */
static uint32_t
keep(size_t slot, uint32_t number)
{
	struct loan_record r = record_of(number);

	r.place = loan_keep_place(loans, slot);
	ck_assert_uint_lt(r.place, LOAN_KEPT_MAX);
	r.since = 500 + number;
	loan_claim(loans, slot, &r.name);
	loan_keep(loans, slot, &r);
	loan_disclaim(loans, slot);
	return r.place;
}

static enum loan_kept
look(size_t slot, uint32_t place, uint32_t number)
{
	return loan_kept_look(loans, slot, place, 1000 + number);
}

static bool
recall(size_t slot, uint32_t place, uint32_t number, struct loan_record *r)
{
	return loan_recall(loans, slot, place, 1000 + number, r);
}

/* The least bits of the token are not compared. */
TEST(a_kept_loan_is_the_worker_s_or_the_lot_s)
{
	struct loan_record r = record_of(8);
	uint32_t place = keep(1, 8);

	ck_assert_int_eq(look(1, place, 8), LOAN_KEPT_WAITS);
	ck_assert_int_eq(look(1, place, 16), LOAN_KEPT_ELSEWHERE);
	ck_assert(!recall(1, place, 16, &r));
	ck_assert(loan_kept_take(loans, 1, place, &r.name));
	ck_assert_int_eq(look(1, place, 8), LOAN_KEPT_SERVES);
	ck_assert_uint_eq(loan_claimed(loans, 1).place, 8);
	ck_assert(!recall(1, place, 8, &r));
	r.place = place;
	r.requests = 77;
	loan_keep(loans, 1, &r);
	loan_disclaim(loans, 1);
	ck_assert_uint_eq(loan_kept_requests(loans, 1, place), 77);
	ck_assert_uint_eq(loan_kept_turns(loans, 1), 1);
	ck_assert(recall(1, place, 8, &r));
	ck_assert_uint_eq(r.requests, 77);
	ck_assert(!recall(1, place, 8, &r));
	ck_assert(!loan_kept_take(loans, 1, place, &r.name));
	ck_assert_int_eq(look(1, place, 8), LOAN_KEPT_ELSEWHERE);
}

TEST(a_place_is_used_again_when_its_loan_has_ended)
{
	uint32_t first = keep(0, 8), second = keep(0, 16);

	ck_assert_uint_ne(first, second);
	loan_kept_end(loans, 0, first);
	ck_assert_uint_eq(keep(0, 24), first);
	for (uint32_t i = 2; i < LOAN_KEPT_MAX; i++)
		(void)keep(0, 8 * (i + 2));
	ck_assert_uint_eq(loan_keep_place(loans, 0), LOAN_KEPT_MAX);
}

TEST(the_lot_has_what_a_dead_worker_kept)
{
	struct loan_record r = record_of(16);
	uint32_t waits = keep(2, 8), serves = keep(2, 16), gone = keep(2, 24);
	struct loan_name name;
	size_t slot;

	ck_assert(loan_kept_take(loans, 2, serves, &r.name));
	ck_assert(recall(2, gone, 24, &r));
	loan_note_death(loans, 2);
	ck_assert(loan_next_death(loans, &deaths, &name, &slot));
	ck_assert_uint_eq(slot, 2);
	ck_assert_uint_eq(name.place, 16);
	ck_assert_int_eq(look(2, waits, 8), LOAN_KEPT_LEFT);
	ck_assert_int_eq(look(2, serves, 16), LOAN_KEPT_ELSEWHERE);
	ck_assert_uint_eq(loan_keep_place(loans, 2), serves);
	ck_assert(recall(2, waits, 8, &r));
	ck_assert_int_eq(r.since, 508);
	ck_assert_uint_eq(loan_keep_place(loans, 2), waits);
}

/* At each moment, the lot can find the loan, or has been told of it. */
TEST(a_worker_may_die_while_it_keeps_a_loan)
{
	struct loan_record r = record_of(8);
	struct loan_name name;
	size_t slot;

	loan_claim(loans, 2, &r.name);
	r.place = loan_keep_place(loans, 2);
	r.since = 508;
	loan_keep(loans, 2, &r);
	ck_assert_uint_eq(loan_left_place(loans, 2, 1008), LOAN_KEPT_MAX);
	loan_note_death(loans, 2);
	ck_assert(loan_next_death(loans, &deaths, &name, &slot));
	ck_assert_uint_eq(name.place, 8);
	ck_assert_uint_eq(loan_left_place(loans, 2, 1016), LOAN_KEPT_MAX);
	ck_assert_uint_eq(loan_left_place(loans, 2, 1008), r.place);
	ck_assert(recall(2, r.place, 8, &r));
	ck_assert_uint_eq(loan_left_place(loans, 2, 1008), LOAN_KEPT_MAX);
}

TEST(a_loan_that_was_recalled_is_not_claimed)
{
	struct loan_record r = record_of(8);
	uint32_t place = keep(1, 8);

	ck_assert(recall(1, place, 8, &r));
	r = record_of(8);
	ck_assert(!loan_kept_take(loans, 1, place, &r.name));
	ck_assert_uint_eq(loan_claimed(loans, 1).place, 0);
}

TEST(a_kept_loan_is_returned_while_another_is_claimed)
{
	struct loan_record r = record_of(8);
	struct loan_name other = record_of(16).name;
	uint32_t place = keep(1, 8);

	loan_claim(loans, 1, &other);
	r.end = LOAN_RETURNS;
	r.place = place;
	ck_assert(loan_return(loans, 1, &r));
	ck_assert_uint_eq(loan_claimed(loans, 1).place, 16);
	ck_assert_int_eq(look(1, place, 8), LOAN_KEPT_WAITS);
	ck_assert(loan_next(loans, 1, &r));
	ck_assert_int_eq(r.end, LOAN_RETURNS);
	ck_assert_uint_eq(r.name.place, 8);
	ck_assert(!loan_next(loans, 1, &r));
}

TEST(a_kept_loan_is_held_while_another_is_claimed)
{
	struct loan_record r = record_of(8);
	struct loan_name other = record_of(16).name;
	uint32_t place = keep(1, 8);

	loan_claim(loans, 1, &other);
	ck_assert(loan_kept_hold(loans, 1, place, &r.name));
	ck_assert_int_eq(look(1, place, 8), LOAN_KEPT_SERVES);
	ck_assert(!recall(1, place, 8, &r));
	ck_assert_uint_eq(loan_claimed(loans, 1).place, 16);
	ck_assert_uint_eq(loan_kept_turns(loans, 1), 0);
	r = record_of(8);
	r.place = place;
	loan_keep(loans, 1, &r);
	ck_assert(recall(1, place, 8, &r));
	r = record_of(8);
	ck_assert(!loan_kept_hold(loans, 1, place, &r.name));
}

TEST(a_lot_that_begins_forgets_what_others_were_left)
{
	uint32_t left = keep(0, 8), waits;

	loan_note_death(loans, 0);
	waits = keep(0, 16);
	(void)loans_begin(loans, SLOTS);
	ck_assert_int_eq(look(0, left, 8), LOAN_KEPT_ELSEWHERE);
	ck_assert_int_eq(look(0, waits, 16), LOAN_KEPT_WAITS);
}

TEST(of_many_deaths_the_last_are_told)
{
	struct loan_name name;
	size_t slot;

	for (uint32_t i = 1; i <= LOAN_DEATHS + 10; i++) {
		struct loan_record r = record_of(i);

		loan_claim(loans, 0, &r.name);
		loan_note_death(loans, 0);
	}
	for (uint32_t i = 11; i <= LOAN_DEATHS + 10; i++) {
		ck_assert(loan_next_death(loans, &deaths, &name, &slot));
		ck_assert_uint_eq(name.place, i);
	}
	ck_assert(!loan_next_death(loans, &deaths, &name, &slot));
}
