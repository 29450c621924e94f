#include <unistd.h>

#include "base/clock.h"
#include "connection/title.h"
#include "unit.h"

#define CLIENTS 2000
#define CLIENT "192.0.2.1"

static struct title t;

void
unit_set_up(void)
{
	static char name[] = "check_title";
	static char *argv[] = {name, NULL}, *envp[] = {NULL};

	setproctitle_init(1, argv, envp);
	t = (struct title){.worker = 1};
}

void
unit_tear_down(void)
{
}

/* As if it had changed very often. */
static void
use_up(void)
{
	t.spent = clock_now() + 1000 * CLOCK_SECOND;
}

TEST(few_changes_are_made_at_once)
{
	for (int i = 0; i < TITLE_BURST / 2; i++) {
		title_set(&t, NULL);
		ck_assert(!t.due && t.shows_idle);
		title_set(&t, CLIENT);
		ck_assert(!t.due && !t.shows_idle);
	}
}

TEST(many_changes_are_few_a_second)
{
	int64_t began = clock_now();
	uint64_t count = 0, most;

	for (int i = 0; i < CLIENTS; i++) {
		title_set(&t, CLIENT);
		count += !t.due;
	}
	most = (uint64_t)((clock_now() - began) * TITLE_RATE / CLOCK_SECOND);
	ck_assert_uint_ge(count, TITLE_BURST);
	ck_assert_uint_le(count, TITLE_BURST + 1 + most);
}

TEST(a_change_that_had_to_wait_is_made_within_a_second)
{
	int64_t due;

	for (int i = 0; i < CLIENTS; i++)
		title_set(&t, CLIENT);
	title_set(&t, NULL);
	due = title_due(&t);
	if (t.due)
		ck_assert_int_le(due, clock_now() + CLOCK_SECOND);
	while (t.due)
		title_settle(&t, false);
	ck_assert(t.shows_idle);
	ck_assert(title_due(&t) == CLOCK_NEVER);
}

TEST(a_long_wait_shows_the_client)
{
	use_up();
	title_set(&t, CLIENT);
	title_settle(&t, false);
	ck_assert(t.due);
	title_settle(&t, true);
	ck_assert(!t.due);
}

TEST(clients_that_had_to_be_waited_for_do_not_delay_the_idle_title)
{
	for (int i = 0; i < CLIENTS; i++) {
		title_set(&t, CLIENT);
		title_settle(&t, true);
	}
	title_set(&t, NULL);
	ck_assert(t.due);
	ck_assert_int_le(title_due(&t), clock_now() + CLOCK_SECOND);
}

TEST(an_idle_worker_whose_client_was_not_shown_has_no_change_due)
{
	title_set(&t, NULL);
	use_up();
	title_set(&t, CLIENT);
	ck_assert(t.due);
	title_set(&t, NULL);
	ck_assert(!t.due && t.shows_idle);
}

TEST(a_wait_is_shown_and_ends)
{
	title_set(&t, CLIENT);
	use_up();
	title_wait(&t, true);
	ck_assert(!t.due && t.shows_wait);
	title_wait(&t, false);
	ck_assert(t.due);
	title_set(&t, NULL);
	ck_assert(t.due && !t.waits);
}
