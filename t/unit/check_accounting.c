#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/tcp.h>

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "connection/accounting.h"
#include "loopback.h"
#include "shared/scoreboard.h"
#include "shared/scoreboard_raw.h"
#include "unit.h"

#define SMALL 100

static struct scoreboard *board;
static struct service service;
static struct connection connection;
static struct tined_exchange exchange = {.connection = &connection};
static int peer = -1;
static char bytes[OUTPUT_BUFFER_SIZE];

static void
set_option(int fd, int option, int value)
{
	ck_assert_int_eq(
	    setsockopt(fd, IPPROTO_TCP, option, &value, sizeof(value)), 0);
}

/* A connection over TCP, whose client delays its acknowledgements. */
void
unit_set_up(void)
{
	struct sockaddr_in a;
	int listener = loopback_listen(&a);

	peer = socket(AF_INET, SOCK_STREAM, 0);
	connection.fd = loopback_connect(peer, listener, &a);
	set_option(peer, TCP_QUICKACK, 0);

	board = scoreboard_create(1);
	ck_assert_ptr_nonnull(board);
	connection.service = &service;
	service.score = scoreboard_slot(board, 0);
	exchange.response.status = 200;
	output_init(&connection.out, CLOCK_SECOND, CLOCK_SECOND);
	output_attach(&connection.out, connection.fd);
	set_option(connection.fd, TCP_NODELAY, 1);
}

void
unit_tear_down(void)
{
	output_free(&connection.out);
	close(connection.fd);
	close(peer);
	scoreboard_free(board);
}

static uint64_t
count(int what)
{
	return atomic_load(&scoreboard_slot(board, 0)->counts[what]);
}

static uint64_t
latencies(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
		sum += atomic_load(&scoreboard_slot(board, 0)->latency[i]);
	return sum;
}

static void
answer(void)
{
	output_copy(&connection.out, bytes, SMALL);
	exchange.began = clock_now();
	accounting_answer(&exchange);
	connection.requests++;
	exchange_reset(&exchange);
}

static void
flush(void)
{
	ck_assert_int_eq(output_flush(&connection.out), 0);
}

TEST(a_status_that_is_none_counts_nowhere)
{
	static const int none[] = {-1, 0, 99, 600, 1000, 1 << 30};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		exchange.response.status = none[i];
		answer();
	}
	for (int what = 0; what < SCORE_COUNTS; what++)
		if (what != COUNT_REQUESTS && what != COUNT_REUSED)
			ck_assert_msg(count(what) == 0, "%d has counted", what);
}

TEST(an_answer_is_counted_and_timed_when_it_is_sent)
{
	exchange.body.total = 7;
	answer();
	ck_assert_uint_eq(count(COUNT_REQUESTS), 1);
	ck_assert_uint_eq(count(COUNT_REUSED), 0);
	ck_assert_uint_eq(count(COUNT_RESPONSES + 1), 1);
	ck_assert_uint_eq(count(COUNT_RECEIVED), 7);
	ck_assert_uint_eq(count(COUNT_SENT), 0);
	ck_assert_uint_eq(latencies(), 0);
	flush();
	accounting_sent(&connection);
	ck_assert_uint_eq(count(COUNT_SENT), SMALL);
	ck_assert_uint_eq(latencies(), 1);
	exchange.response.status = 503;
	exchange.arrival.queue_timed_out = true;
	answer();
	flush();
	accounting_sent(&connection);
	ck_assert_uint_eq(count(COUNT_REUSED), 1);
	ck_assert_uint_eq(count(COUNT_RESPONSES_5XX), 1);
	ck_assert_uint_eq(count(COUNT_QUEUE_TIMEOUTS), 1);
	ck_assert_uint_eq(count(COUNT_SENT), 2 * SMALL);
	ck_assert_uint_eq(count(COUNT_SPLIT), 0);
	ck_assert_uint_eq(count(COUNT_ABORTED), 0);
}

TEST(an_interim_response_is_one_too)
{
	exchange.arrival.continue_sent = true;
	answer();
	ck_assert_uint_eq(count(COUNT_RESPONSES), 1);
	ck_assert_uint_eq(count(COUNT_RESPONSES + 1), 1);
	ck_assert_uint_eq(count(COUNT_REQUESTS), 1);
}

TEST(the_wait_for_a_worker_is_part_of_the_first_answer)
{
	exchange.arrival.ready_since = clock_now() - 4 * CLOCK_SECOND;
	answer();
	answer();
	flush();
	accounting_sent(&connection);
	ck_assert_uint_eq(
	    atomic_load(&scoreboard_slot(board, 0)
			     ->latency[histogram_bucket(5 * CLOCK_SECOND)]),
	    1);
	ck_assert_uint_eq(latencies(), 2);
}

TEST(any_number_of_pipelined_answers_is_timed)
{
	for (int i = 0; i < 3 * CONNECTION_UNACCOUNTED_MAX + 1; i++)
		answer();
	flush();
	accounting_sent(&connection);
	ck_assert_uint_eq(latencies(), 3 * CONNECTION_UNACCOUNTED_MAX + 1);
	ck_assert_uint_eq(
	    count(COUNT_REQUESTS), 3 * CONNECTION_UNACCOUNTED_MAX + 1);
	ck_assert_uint_eq(count(COUNT_SPLIT), 0);
}

TEST(an_answer_that_is_cut_off_is_counted_once)
{
	answer();
	answer();
	connection.out.failed = true;
	accounting_sent(&connection);
	accounting_sent(&connection);
	ck_assert_uint_eq(count(COUNT_ABORTED), 1);
	ck_assert_uint_eq(latencies(), 2);
}

/* As a naive server writes it: the head, then the body. */
static void
send_twice(size_t len)
{
	output_copy(&connection.out, bytes, SMALL);
	flush();
	answer();
	output_copy(&connection.out, bytes, len);
	flush();
}

TEST(two_sends_are_split)
{
	send_twice(SMALL);
	accounting_sent(&connection);
	ck_assert_uint_eq(count(COUNT_SPLIT), 1);
	answer();
	flush();
	accounting_sent(&connection);
	ck_assert_uint_eq(count(COUNT_SPLIT), 1);
}

TEST(two_sends_for_what_fits_into_none_are_right)
{
	send_twice(OUTPUT_BUFFER_SIZE - 1);
	accounting_sent(&connection);
	ck_assert_uint_eq(count(COUNT_SPLIT), 0);
}
