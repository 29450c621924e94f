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

	loan_claim(loans, 2, &r.name);
	loan_note_death(loans, 2);
	r = record_of(6);
	loan_claim(loans, 2, &r.name);
	ck_assert(loan_next_death(loans, &deaths, &name));
	ck_assert_uint_eq(name.place, 5);
	ck_assert(!loan_next_death(loans, &deaths, &name));
	ck_assert_uint_eq(loan_claimed(loans, 2).place, 6);
}

TEST(a_death_without_a_loan_is_not_told)
{
	struct loan_name name;

	loan_note_death(loans, 1);
	ck_assert(!loan_next_death(loans, &deaths, &name));
}

TEST(of_many_deaths_the_last_are_told)
{
	struct loan_name name;

	for (uint32_t i = 1; i <= LOAN_DEATHS + 10; i++) {
		struct loan_record r = record_of(i);

		loan_claim(loans, 0, &r.name);
		loan_note_death(loans, 0);
	}
	for (uint32_t i = 11; i <= LOAN_DEATHS + 10; i++) {
		ck_assert(loan_next_death(loans, &deaths, &name));
		ck_assert_uint_eq(name.place, i);
	}
	ck_assert(!loan_next_death(loans, &deaths, &name));
}
