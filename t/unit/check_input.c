#include <sys/socket.h>
#include <sys/time.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "connection/input.h"
#include "unit.h"

#define SIZE 64
#define SHORTLY (clock_now() + 50 * CLOCK_MILLISECOND)

static struct input in;
static int peer = -1;

void
unit_set_up(void)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	input_init(&in, SIZE);
	input_attach(&in, pair[0]);
	peer = pair[1];
}

void
unit_tear_down(void)
{
	close(in.fd);
	close(peer);
	input_free(&in);
}

static void
give(const char *bytes)
{
	ck_assert_int_eq(
	    send(peer, bytes, strlen(bytes), 0), (ssize_t)strlen(bytes));
}

static double
seconds_since(int64_t start)
{
	return (double)(clock_now() - start) / (double)CLOCK_SECOND;
}

TEST(bytes_that_are_there_are_had_at_once)
{
	give("abc");
	ck_assert_int_eq(input_more(&in, CLOCK_NEVER), INPUT_BYTES);
	assert_text_eq(input_text(&in), "abc");
	give("de");
	ck_assert_int_eq(input_more(&in, CLOCK_NEVER), INPUT_BYTES);
	assert_text_eq(input_text(&in), "abcde");
	input_take(&in, 4);
	assert_text_eq(input_text(&in), "e");
}

TEST(bytes_that_are_there_are_had_after_the_deadline_too)
{
	give("abc");
	ck_assert_int_eq(input_more(&in, 0), INPUT_BYTES);
	ck_assert_int_eq(input_more(&in, 0), INPUT_TIMEOUT);
	assert_text_eq(input_text(&in), "abc");
}

TEST(a_deadline_is_kept)
{
	int64_t start = clock_now();

	ck_assert_int_eq(input_more(&in, SHORTLY), INPUT_TIMEOUT);
	ck_assert_double_ge(seconds_since(start), 0.05);
	ck_assert_double_le(seconds_since(start), 10);
}

static void
on_alarm(int number)
{
	(void)number;
}

static void
hurry_on_alarm(int number)
{
	(void)number;
	input_hurry(&in);
}

/* A signal soon, and again and again. */
static void
alarm_often(void (*handler)(int), int flags)
{
	const struct sigaction action = {
	    .sa_handler = handler, .sa_flags = flags};
	const struct itimerval often = {
	    .it_interval = {.tv_usec = 20000}, .it_value = {.tv_usec = 20000}};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

static void
alarm_once(void)
{
	const struct sigaction action = {.sa_handler = on_alarm};
	const struct itimerval once = {.it_value = {.tv_usec = 20000}};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &once, NULL);
}

TEST(signals_neither_end_nor_prolong_the_wait)
{
	int64_t start = clock_now();

	alarm_often(on_alarm, 0);
	ck_assert_int_eq(
	    input_more(&in, start + CLOCK_SECOND / 4), INPUT_TIMEOUT);
	ck_assert_double_ge(seconds_since(start), 0.25);
	ck_assert_double_le(seconds_since(start), 10);
}

TEST(the_end_comes_after_all_bytes)
{
	give("abc");
	shutdown(peer, SHUT_WR);
	ck_assert_int_eq(input_more(&in, CLOCK_NEVER), INPUT_BYTES);
	ck_assert_int_eq(input_more(&in, CLOCK_NEVER), INPUT_END);
	ck_assert_int_eq(input_wait(&in, true), INPUT_END);
	assert_text_eq(input_text(&in), "abc");
}

TEST(a_reset_is_a_failure)
{
	/* A peer that closes with bytes unread resets. */
	ck_assert_int_eq(send(in.fd, "x", 1, 0), 1);
	close(peer);
	ck_assert_int_eq(input_more(&in, CLOCK_NEVER), INPUT_FAILED);
}

TEST(a_wait_ends_with_bytes_or_the_time_of_the_socket)
{
	struct timeval tv = clock_timeval(50 * CLOCK_MILLISECOND);
	int64_t start = clock_now();

	setsockopt(in.fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	ck_assert_int_eq(input_wait(&in, true), INPUT_TIMEOUT);
	ck_assert_double_ge(seconds_since(start), 0.04);
	give("abc");
	ck_assert_int_eq(input_wait(&in, true), INPUT_BYTES);
	assert_text_eq(input_text(&in), "abc");
}

TEST(a_signal_without_hurry_does_not_end_a_wait)
{
	struct timeval tv = clock_timeval(CLOCK_SECOND);
	int64_t start = clock_now();

	setsockopt(in.fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	alarm_once();
	ck_assert_int_eq(input_wait(&in, true), INPUT_TIMEOUT);
	ck_assert_double_ge(seconds_since(start), 0.9);
}

static void
yield_on_alarm(int number)
{
	(void)number;
	input_yield(&in);
}

TEST(yielding_ends_what_somebody_else_may_wait_for)
{
	int64_t start = clock_now();

	alarm_often(yield_on_alarm, 0);
	ck_assert_int_eq(input_wait(&in, true), INPUT_TIMEOUT);
	ck_assert_int_eq(input_wait(&in, true), INPUT_TIMEOUT);
	in.yield = 0;
	ck_assert_int_eq(
	    input_linger(&in, start + 3600 * CLOCK_SECOND), INPUT_TIMEOUT);
	give("abc");
	ck_assert_int_eq(input_linger(&in, CLOCK_NEVER), INPUT_BYTES);
	assert_text_eq(input_text(&in), "abc");
}

TEST(yielding_takes_nothing_from_a_request_under_way)
{
	int64_t start = clock_now();

	input_yield(&in);
	ck_assert_int_eq(input_more(&in, SHORTLY), INPUT_TIMEOUT);
	ck_assert_double_ge(seconds_since(start), 0.05);
	give("abc");
	ck_assert_int_eq(input_wait(&in, true), INPUT_BYTES);
	assert_text_eq(input_text(&in), "abc");
}

TEST(hurry_ends_a_wait_even_if_calls_are_restarted)
{
	alarm_often(hurry_on_alarm, SA_RESTART);
	ck_assert_int_ne(input_wait(&in, true), INPUT_BYTES);
}

TEST(hurry_ends_a_wait_that_a_signal_interrupts)
{
	alarm_often(hurry_on_alarm, 0);
	ck_assert_int_ne(input_wait(&in, true), INPUT_BYTES);
}

TEST(in_a_hurry_only_what_is_there_is_taken)
{
	input_hurry(&in);
	ck_assert_int_eq(input_wait(&in, true), INPUT_TIMEOUT);
	give("abc");
	ck_assert_int_eq(input_wait(&in, true), INPUT_BYTES);
	assert_text_eq(input_text(&in), "abc");
}

TEST(hurry_takes_nothing_from_a_request_under_way)
{
	input_hurry(&in);
	give("abc");
	ck_assert_int_eq(input_more(&in, CLOCK_NEVER), INPUT_BYTES);
	ck_assert_int_eq(input_more(&in, SHORTLY), INPUT_TIMEOUT);
}

TEST(a_client_that_is_attached_has_nothing_of_the_one_before)
{
	give("abc");
	input_more(&in, CLOCK_NEVER);
	input_take(&in, 1);
	input_hold(&in);
	input_attach(&in, in.fd);
	ck_assert_uint_eq(input_text(&in).len, 0);
	ck_assert_uint_eq(in.held, 0);
}

TEST(what_is_held_stays_while_more_is_read)
{
	const char *head;
	size_t taken = 0;

	give("head:0123456789");
	input_more(&in, CLOCK_NEVER);
	head = input_text(&in).at;
	input_take(&in, 5);
	input_hold(&in);
	for (int round = 0; round < 50; round++) {
		struct text t = input_text(&in);

		for (size_t i = 0; i < t.len; i++)
			ck_assert_int_eq(t.at[i], '0' + (int)(taken++ % 10));
		input_take(&in, t.len);
		give("0123456789");
		ck_assert_int_eq(input_more(&in, CLOCK_NEVER), INPUT_BYTES);
		ck_assert_mem_eq(head, "head:", 5);
	}
	input_release(&in);
	ck_assert_uint_eq(in.held, 0);
}

static void
read_up_to(size_t begin)
{
	give("0123456789012345678901234567890123456789");
	input_more(&in, CLOCK_NEVER);
	input_take(&in, begin);
}

TEST(compact_moves_only_for_want_of_room)
{
	read_up_to(30);
	input_compact(&in, 10, SIZE - 40);
	ck_assert_uint_eq(in.begin, 30);
	input_compact(&in, 10, SIZE - 40 + 1);
	ck_assert_uint_eq(in.begin, 0);
	assert_text_eq(input_text(&in), "0123456789");
}

TEST(compact_moves_to_what_is_held_and_no_further)
{
	read_up_to(5);
	input_hold(&in);
	input_take(&in, 20);
	input_compact(&in, 0, SIZE);
	ck_assert_uint_eq(in.begin, 5);
	ck_assert_mem_eq(in.data, "01234", 5);
	assert_text_eq(input_text(&in), "567890123456789");
}

TEST(a_stream_through_a_small_buffer_keeps_its_order)
{
	unsigned given = 0, taken = 0;

	while (taken < 100000) {
		char bytes[SIZE];
		size_t len = 1 + unit_random_below(SIZE / 2);
		struct text t;

		for (size_t i = 0; i < len; i++)
			bytes[i] = (char)(given++ % 251);
		ck_assert_int_eq(send(peer, bytes, len, 0), (ssize_t)len);
		input_compact(&in, 0, len);
		ck_assert_int_eq(input_more(&in, CLOCK_NEVER), INPUT_BYTES);
		t = input_text(&in);
		if (t.len < SIZE / 2 && unit_random_below(2) == 0)
			continue;
		for (size_t i = 0; i < t.len; i++)
			assert_quick((unsigned char)t.at[i] == taken++ % 251);
		input_take(&in, t.len);
	}
}
