#include <sys/epoll.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "process/lot/parked.h"
#include "unit.h"

#define MANY 20

static struct parked_all all;
static int near[MANY], far[MANY];

void
unit_set_up(void)
{
	ck_assert_int_eq(parked_all_init(&all), 0);
	for (int i = 0; i < MANY; i++) {
		int ends[2];

		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
		near[i] = ends[0];
		far[i] = ends[1];
	}
}

/* Those near are their parked', if they have one. */
void
unit_tear_down(void)
{
	parked_all_free(&all);
	for (int i = 0; i < MANY; i++) {
		close(near[i]);
		close(far[i]);
	}
}

/* How many have events at hand now, and the first of them. */
static int
look(struct parked **first)
{
	struct epoll_event events[MANY];
	int n = epoll_wait(all.epoll, events, MANY, 0);

	*first = n > 0 ? events[0].data.ptr : NULL;
	return n;
}

TEST(a_queue_is_in_the_order_of_its_beginning)
{
	struct parked *b[3];

	for (int i = 0; i < 3; i++)
		b[i] = parked_new(&all, near[i], PARKED_IDLE);
	ck_assert_ptr_eq(parked_all_first(&all, PARKED_IDLE), b[0]);
	parked_enter(&all, b[0], PARKED_HEAD);
	ck_assert_ptr_eq(parked_all_first(&all, PARKED_IDLE), b[1]);
	ck_assert_ptr_eq(parked_all_first(&all, PARKED_HEAD), b[0]);
	parked_enter(&all, b[0], PARKED_IDLE);
	parked_enter(&all, b[1], PARKED_IDLE);
	ck_assert_ptr_eq(parked_all_first(&all, PARKED_IDLE), b[2]);
	parked_release(&all, b[2]);
	ck_assert_ptr_eq(parked_all_first(&all, PARKED_IDLE), b[0]);
	ck_assert_uint_eq(all.counts[PARKED_IDLE], 2);
	ck_assert_uint_eq(all.counts[PARKED_HEAD], 0);
	ck_assert_uint_eq(all.count, 2);
}

TEST(deadlines_are_those_of_the_states)
{
	struct parked *idle = parked_new(&all, near[0], PARKED_IDLE);
	struct parked *head;

	ck_assert_int_eq(parked_all_deadline(&all), CLOCK_NEVER);
	all.limits[PARKED_IDLE] = 5 * CLOCK_SECOND;
	all.limits[PARKED_HEAD] = CLOCK_SECOND;
	ck_assert_int_eq(
	    parked_all_deadline(&all), idle->since + 5 * CLOCK_SECOND);
	head = parked_new(&all, near[1], PARKED_HEAD);
	ck_assert_int_eq(parked_all_deadline(&all), head->since + CLOCK_SECOND);
	ck_assert_ptr_null(parked_all_timed_out(&all, head->since));
	ck_assert_ptr_eq(
	    parked_all_timed_out(&all, head->since + CLOCK_SECOND), head);
	/* One that waits for something else has another deadline. */
	parked_enter(&all, head, PARKED_READY);
	ck_assert_ptr_null(
	    parked_all_timed_out(&all, head->since + CLOCK_SECOND));
	ck_assert_ptr_eq(
	    parked_all_timed_out(&all, idle->since + 5 * CLOCK_SECOND), idle);
	parked_release(&all, idle);
	ck_assert_int_eq(parked_all_deadline(&all), CLOCK_NEVER);
}

TEST(memory_is_what_all_have_together)
{
	struct parked *a = parked_new(&all, near[0], PARKED_IDLE);
	size_t empty = all.memory;
	struct parked *b;

	ck_assert_uint_ge(empty, sizeof(*a));
	parked_add_bytes(&all, a, "GET /", 5);
	parked_add_bytes(&all, a, " HTTP", 5);
	parked_add_bytes(&all, a, "", 0);
	ck_assert_uint_eq(a->len, 10);
	ck_assert_int_eq(memcmp(a->bytes, "GET / HTTP", 10), 0);
	ck_assert_uint_eq(all.memory, empty + 10);
	parked_release(&all, a);
	ck_assert_uint_eq(all.memory, 0);
	all.beside = 1000;
	empty += 1000;
	a = parked_new(&all, near[2], PARKED_IDLE);
	parked_add_bytes(&all, a, "GET / HTTP", 10);
	ck_assert_uint_eq(all.memory, empty + 10);
	b = parked_new(&all, near[1], PARKED_IDLE);
	ck_assert_uint_eq(all.memory, 2 * empty + 10);
	parked_release(&all, a);
	ck_assert_uint_eq(all.memory, empty);
	parked_release(&all, b);
	ck_assert_uint_eq(all.memory, 0);
	ck_assert_uint_eq(all.count, 0);
}

/* In the given state, with a rest of so many bytes. */
static struct parked *
parked_that_sends(int i, size_t len)
{
	static char bytes[1 << 16];
	struct parked *b = parked_new(&all, near[i], PARKED_SEND);
	struct deferred deferred;

	deferred_init(&deferred);
	ck_assert_int_eq(deferred_add_bytes(&deferred, bytes, len), 0);
	parked_set_deferred(&all, b, &deferred);
	return b;
}

TEST(what_is_still_to_be_sent_is_counted_until_it_is_not)
{
	struct parked *a = parked_that_sends(0, 1000);
	struct parked *b = parked_that_sends(1, 500);
	size_t with = all.memory;

	ck_assert_uint_eq(all.deferred, 1500);
	parked_enter(&all, a, PARKED_SEND); /* a new window */
	ck_assert_uint_eq(all.deferred, 1500);
	ck_assert_ptr_nonnull(a->deferred);
	parked_enter(&all, a, PARKED_IDLE);
	ck_assert_uint_eq(all.deferred, 500);
	ck_assert_ptr_null(a->deferred);
	ck_assert_uint_lt(all.memory, with);
	parked_release(&all, b);
	ck_assert_uint_eq(all.deferred, 0);
	parked_release(&all, a);
	ck_assert_uint_eq(all.memory, 0);
}

/* Which waits for a disk, say. */
TEST(what_a_worker_is_to_send_goes_with_the_connection)
{
	struct parked *b = parked_that_sends(0, 1000);

	ck_assert_int_eq(parked_handoff(b).kind, HANDOFF_SEND);
	parked_enter(&all, b, PARKED_READY);
	ck_assert_ptr_nonnull(b->deferred);
	ck_assert_int_eq(parked_handoff(b).kind, HANDOFF_SEND);
	ck_assert_uint_eq(all.deferred, 1000);
	ck_assert_int_eq(fcntl(near[0], F_GETFL) & O_NONBLOCK, 0);
	parked_enter(&all, b, PARKED_SEND);
	ck_assert_int_ne(fcntl(near[0], F_GETFL) & O_NONBLOCK, 0);
	parked_enter(&all, b, PARKED_READY);
	parked_release(&all, b);
	ck_assert_uint_eq(all.deferred, 0);
	near[0] = -1;
}

TEST(the_slowest_is_who_took_least_for_its_time)
{
	struct parked *a = parked_that_sends(0, 1000);
	struct parked *b = parked_that_sends(1, 1000);
	struct parked *c = parked_that_sends(2, 1000);
	int64_t now = clock_now();

	a->parked = now - 10 * CLOCK_SECOND;
	a->sent = 100000;
	b->parked = now - 100 * CLOCK_SECOND;
	b->sent = 500000;
	c->sent = 0;
	ck_assert_ptr_eq(
	    parked_all_slowest(&all, now - CLOCK_SECOND, false), b);
	ck_assert_ptr_eq(
	    parked_all_slowest(&all, now + CLOCK_SECOND, false), c);
	ck_assert_ptr_null(
	    parked_all_slowest(&all, now - 200 * CLOCK_SECOND, false));
	close(b->deferred->spill);
	b->deferred->spill = -1; /* as if it were of a file */
	ck_assert_ptr_eq(parked_all_slowest(&all, now - CLOCK_SECOND, true), a);
}

TEST(what_a_client_took_is_not_what_the_kernel_holds)
{
	struct parked *b = parked_that_sends(0, 20000);
	char bytes[20000];
	ssize_t n = deferred_send(b->deferred, near[0], sizeof(bytes));

	ck_assert_int_eq(n, sizeof(bytes));
	b->moved += (uint64_t)n;
	/* Of a Unix socket the kernel tells memory, in its own measure. */
	ck_assert_uint_lt(parked_taken(b), sizeof(bytes));
	ck_assert_int_eq(recv(far[0], bytes, sizeof(bytes), 0), n);
	ck_assert_uint_eq(parked_taken(b), sizeof(bytes));
	parked_enter(&all, b, PARKED_SEND);
	ck_assert_uint_eq(parked_taken(b), 0);
}

TEST(each_state_is_woken_for_what_it_waits_for)
{
	struct parked *b = parked_new(&all, near[0], PARKED_IDLE);
	struct parked *found;

	ck_assert_int_eq(look(&found), 0);
	ck_assert_int_eq(send(far[0], "G", 1, 0), 1);
	ck_assert_int_eq(look(&found), 1);
	ck_assert_ptr_eq(found, b);
	parked_enter(&all, b, PARKED_READY);
	ck_assert_int_eq(look(&found), 0);
	parked_enter(&all, b, PARKED_SEND);
	ck_assert_int_eq(look(&found), 1);
	parked_enter(&all, b, PARKED_LINGER);
	ck_assert_int_eq(look(&found), 1);
	parked_release(&all, b);
	ck_assert_int_eq(look(&found), 0);
	near[0] = -1;
}

TEST(who_takes_it_over_knows_what_it_waits_for)
{
	struct parked *b = parked_new(&all, near[0], PARKED_COLLECT);
	struct handoff h;

	b->wanted = 40;
	b->chunked = true;
	b->continued = true;
	h = parked_handoff(b);
	ck_assert_int_eq(h.kind, HANDOFF_COLLECT);
	ck_assert_uint_eq(h.wanted, 40);
	ck_assert(h.chunked);
	ck_assert(h.continued);
	ck_assert(!h.collected);
	b->collected = true;
	parked_enter(&all, b, PARKED_READY);
	h = parked_handoff(b);
	ck_assert_int_eq(h.kind, HANDOFF_SERVE);
	ck_assert(h.continued);
	ck_assert(h.collected);
	parked_release(&all, b);
	near[0] = -1;
}

TEST(the_head_that_was_found_goes_to_the_worker)
{
	struct parked *b = parked_new(&all, near[0], PARKED_IDLE);
	struct handoff h;

	b->scan.start = 2;
	b->scan.end = 40;
	h = parked_handoff(b); /* to another lot, which looks for itself */
	ck_assert_uint_eq(h.head_end, 0);
	parked_enter(&all, b, PARKED_READY);
	h = parked_handoff(b);
	ck_assert_int_eq(h.kind, HANDOFF_SERVE);
	ck_assert_uint_eq(h.head_start, 2);
	ck_assert_uint_eq(h.head_end, 40);
	b->request_timed_out = true;
	h = parked_handoff(b);
	ck_assert_int_eq(h.kind, HANDOFF_TIMED_OUT);
	ck_assert_uint_eq(h.head_end, 0);
	parked_release(&all, b);
	near[0] = -1;
}

/* Another process may have the connection when the parked connection goes. */
TEST(who_is_released_is_watched_no_more)
{
	int other = dup(near[0]);
	struct parked *b = parked_new(&all, near[0], PARKED_IDLE);
	struct parked *found;

	parked_release(&all, b);
	parked_all_free_closed(&all);
	near[0] = other;
	ck_assert_int_eq(send(far[0], "G", 1, 0), 1);
	ck_assert_int_eq(look(&found), 0);
}
