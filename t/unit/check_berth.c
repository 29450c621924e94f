#include <sys/epoll.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "berth.h"
#include "clock.h"
#include "unit.h"

#define MANY 20

static struct berths all;
static int near[MANY], far[MANY];

static void
set_up(void)
{
	ck_assert_int_eq(berths_init(&all), 0);
	for (int i = 0; i < MANY; i++) {
		int ends[2];

		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
		near[i] = ends[0];
		far[i] = ends[1];
	}
}

/* Those near are their berths', if they have one. */
static void
tear_down(void)
{
	berths_free(&all);
	for (int i = 0; i < MANY; i++) {
		close(near[i]);
		close(far[i]);
	}
}

/* How many have events at hand now, and the first of them. */
static int
look(struct berth **first)
{
	struct epoll_event events[MANY];
	int n = epoll_wait(all.epoll, events, MANY, 0);

	*first = n > 0 ? events[0].data.ptr : NULL;
	return n;
}

START_TEST(a_queue_is_in_the_order_of_its_beginning)
{
	struct berth *b[3];

	for (int i = 0; i < 3; i++)
		b[i] = berth_new(&all, near[i], BERTH_IDLE);
	ck_assert_ptr_eq(berths_first(&all, BERTH_IDLE), b[0]);
	berth_enter(&all, b[0], BERTH_HEAD);
	ck_assert_ptr_eq(berths_first(&all, BERTH_IDLE), b[1]);
	ck_assert_ptr_eq(berths_first(&all, BERTH_HEAD), b[0]);
	berth_enter(&all, b[0], BERTH_IDLE);
	berth_enter(&all, b[1], BERTH_IDLE);
	ck_assert_ptr_eq(berths_first(&all, BERTH_IDLE), b[2]);
	berth_release(&all, b[2]);
	ck_assert_ptr_eq(berths_first(&all, BERTH_IDLE), b[0]);
	ck_assert_uint_eq(all.counts[BERTH_IDLE], 2);
	ck_assert_uint_eq(all.counts[BERTH_HEAD], 0);
	ck_assert_uint_eq(all.count, 2);
}
END_TEST

START_TEST(deadlines_are_those_of_the_states)
{
	struct berth *idle = berth_new(&all, near[0], BERTH_IDLE);
	struct berth *head;

	ck_assert_int_eq(berths_deadline(&all), CLOCK_NEVER);
	all.limits[BERTH_IDLE] = 5 * CLOCK_SECOND;
	all.limits[BERTH_HEAD] = CLOCK_SECOND;
	ck_assert_int_eq(berths_deadline(&all), idle->since + 5 * CLOCK_SECOND);
	head = berth_new(&all, near[1], BERTH_HEAD);
	ck_assert_int_eq(berths_deadline(&all), head->since + CLOCK_SECOND);
	ck_assert_ptr_null(berths_overdue(&all, head->since));
	ck_assert_ptr_eq(
	    berths_overdue(&all, head->since + CLOCK_SECOND), head);
	/* One that waits for something else has another deadline. */
	berth_enter(&all, head, BERTH_READY);
	ck_assert_ptr_null(berths_overdue(&all, head->since + CLOCK_SECOND));
	ck_assert_ptr_eq(
	    berths_overdue(&all, idle->since + 5 * CLOCK_SECOND), idle);
	berth_release(&all, idle);
	ck_assert_int_eq(berths_deadline(&all), CLOCK_NEVER);
}
END_TEST

START_TEST(memory_is_what_all_have_together)
{
	struct berth *a = berth_new(&all, near[0], BERTH_IDLE);
	size_t empty = all.memory;
	struct berth *b;

	ck_assert_uint_ge(empty, sizeof(*a));
	berth_add_bytes(&all, a, "GET /", 5);
	berth_add_bytes(&all, a, " HTTP", 5);
	berth_add_bytes(&all, a, "", 0);
	ck_assert_uint_eq(a->len, 10);
	ck_assert_int_eq(memcmp(a->bytes, "GET / HTTP", 10), 0);
	ck_assert_uint_eq(all.memory, empty + 10);
	berth_release(&all, a);
	ck_assert_uint_eq(all.memory, 0);
	all.beside = 1000;
	empty += 1000;
	a = berth_new(&all, near[2], BERTH_IDLE);
	berth_add_bytes(&all, a, "GET / HTTP", 10);
	ck_assert_uint_eq(all.memory, empty + 10);
	b = berth_new(&all, near[1], BERTH_IDLE);
	ck_assert_uint_eq(all.memory, 2 * empty + 10);
	berth_release(&all, a);
	ck_assert_uint_eq(all.memory, empty);
	berth_release(&all, b);
	ck_assert_uint_eq(all.memory, 0);
	ck_assert_uint_eq(all.count, 0);
}
END_TEST

/* In the given state, with a rest of so many bytes. */
static struct berth *
berth_that_sends(int i, size_t len)
{
	static char bytes[1 << 16];
	struct berth *b = berth_new(&all, near[i], BERTH_SEND);
	struct rest rest;

	rest_init(&rest);
	ck_assert_int_eq(rest_add_bytes(&rest, bytes, len), 0);
	berth_set_rest(&all, b, &rest);
	return b;
}

START_TEST(what_is_still_to_be_sent_is_counted_until_it_is_not)
{
	struct berth *a = berth_that_sends(0, 1000);
	struct berth *b = berth_that_sends(1, 500);
	size_t with = all.memory;

	ck_assert_uint_eq(all.deferred, 1500);
	berth_enter(&all, a, BERTH_SEND); /* a new window */
	ck_assert_uint_eq(all.deferred, 1500);
	ck_assert_ptr_nonnull(a->rest);
	berth_enter(&all, a, BERTH_IDLE);
	ck_assert_uint_eq(all.deferred, 500);
	ck_assert_ptr_null(a->rest);
	ck_assert_uint_lt(all.memory, with);
	berth_release(&all, b);
	ck_assert_uint_eq(all.deferred, 0);
	berth_release(&all, a);
	ck_assert_uint_eq(all.memory, 0);
}
END_TEST

/* Which waits for a disk, say. */
START_TEST(what_a_worker_is_to_send_goes_with_the_connection)
{
	struct berth *b = berth_that_sends(0, 1000);

	ck_assert_int_eq(berth_handoff(b).kind, HANDOFF_SEND);
	berth_enter(&all, b, BERTH_READY);
	ck_assert_ptr_nonnull(b->rest);
	ck_assert_int_eq(berth_handoff(b).kind, HANDOFF_SEND);
	ck_assert_uint_eq(all.deferred, 1000);
	ck_assert_int_eq(fcntl(near[0], F_GETFL) & O_NONBLOCK, 0);
	berth_enter(&all, b, BERTH_SEND);
	ck_assert_int_ne(fcntl(near[0], F_GETFL) & O_NONBLOCK, 0);
	berth_enter(&all, b, BERTH_READY);
	berth_release(&all, b);
	ck_assert_uint_eq(all.deferred, 0);
	near[0] = -1;
}
END_TEST

START_TEST(the_slowest_is_who_took_least_for_its_time)
{
	struct berth *a = berth_that_sends(0, 1000);
	struct berth *b = berth_that_sends(1, 1000);
	struct berth *c = berth_that_sends(2, 1000);
	int64_t now = clock_now();

	a->parked = now - 10 * CLOCK_SECOND;
	a->sent = 100000;
	b->parked = now - 100 * CLOCK_SECOND;
	b->sent = 500000;
	c->sent = 0;
	ck_assert_ptr_eq(berths_slowest(&all, now - CLOCK_SECOND, false), b);
	ck_assert_ptr_eq(berths_slowest(&all, now + CLOCK_SECOND, false), c);
	ck_assert_ptr_null(
	    berths_slowest(&all, now - 200 * CLOCK_SECOND, false));
	close(b->rest->spill);
	b->rest->spill = -1; /* as if it were of a file */
	ck_assert_ptr_eq(berths_slowest(&all, now - CLOCK_SECOND, true), a);
}
END_TEST

START_TEST(what_a_client_took_is_not_what_the_kernel_holds)
{
	struct berth *b = berth_that_sends(0, 20000);
	char bytes[20000];
	ssize_t n = rest_send(b->rest, near[0], sizeof(bytes));

	ck_assert_int_eq(n, sizeof(bytes));
	b->moved += (uint64_t)n;
	/* Of a Unix socket the kernel tells memory, in its own measure. */
	ck_assert_uint_lt(berth_taken(b), sizeof(bytes));
	ck_assert_int_eq(recv(far[0], bytes, sizeof(bytes), 0), n);
	ck_assert_uint_eq(berth_taken(b), sizeof(bytes));
	berth_enter(&all, b, BERTH_SEND);
	ck_assert_uint_eq(berth_taken(b), 0);
}
END_TEST

START_TEST(each_state_is_woken_for_what_it_waits_for)
{
	struct berth *b = berth_new(&all, near[0], BERTH_IDLE);
	struct berth *found;

	ck_assert_int_eq(look(&found), 0);
	ck_assert_int_eq(send(far[0], "G", 1, 0), 1);
	ck_assert_int_eq(look(&found), 1);
	ck_assert_ptr_eq(found, b);
	berth_enter(&all, b, BERTH_READY);
	ck_assert_int_eq(look(&found), 0);
	berth_enter(&all, b, BERTH_SEND);
	ck_assert_int_eq(look(&found), 1);
	berth_enter(&all, b, BERTH_LINGER);
	ck_assert_int_eq(look(&found), 1);
	berth_release(&all, b);
	ck_assert_int_eq(look(&found), 0);
	near[0] = -1;
}
END_TEST

START_TEST(who_takes_it_over_knows_what_it_waits_for)
{
	struct berth *b = berth_new(&all, near[0], BERTH_COLLECT);
	struct handoff h;

	b->wanted = 40;
	b->chunked = true;
	b->continued = true;
	h = berth_handoff(b);
	ck_assert_int_eq(h.kind, HANDOFF_COLLECT);
	ck_assert_uint_eq(h.wanted, 40);
	ck_assert(h.chunked);
	ck_assert(h.continued);
	ck_assert(!h.collected);
	b->collected = true;
	berth_enter(&all, b, BERTH_READY);
	h = berth_handoff(b);
	ck_assert_int_eq(h.kind, HANDOFF_SERVE);
	ck_assert(h.continued);
	ck_assert(h.collected);
	berth_release(&all, b);
	near[0] = -1;
}
END_TEST

/* Another process may have the connection when the berth goes. */
START_TEST(who_is_released_is_watched_no_more)
{
	int other = dup(near[0]);
	struct berth *b = berth_new(&all, near[0], BERTH_IDLE);
	struct berth *found;

	berth_release(&all, b);
	berths_bury(&all);
	near[0] = other;
	ck_assert_int_eq(send(far[0], "G", 1, 0), 1);
	ck_assert_int_eq(look(&found), 0);
}
END_TEST

int
main(void)
{
	TCase *tests = unit_tests("berth");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, a_queue_is_in_the_order_of_its_beginning);
	tcase_add_test(tests, deadlines_are_those_of_the_states);
	tcase_add_test(tests, memory_is_what_all_have_together);
	tcase_add_test(
	    tests, what_is_still_to_be_sent_is_counted_until_it_is_not);
	tcase_add_test(
	    tests, what_a_worker_is_to_send_goes_with_the_connection);
	tcase_add_test(tests, the_slowest_is_who_took_least_for_its_time);
	tcase_add_test(tests, what_a_client_took_is_not_what_the_kernel_holds);
	tcase_add_test(tests, each_state_is_woken_for_what_it_waits_for);
	tcase_add_test(tests, who_takes_it_over_knows_what_it_waits_for);
	tcase_add_test(tests, who_is_released_is_watched_no_more);
	return unit_run();
}
