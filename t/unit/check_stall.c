#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/tcp.h>

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "loopback.h"
#include "net/stall.h"
#include "unit.h"

#define MS CLOCK_MILLISECOND
#define MSS 1448
#define NOW (1000 * CLOCK_SECOND)
#define SMALL 100

static struct stall_mark mark;
static struct tcp_info info;

/* A response of a few segments, on a network with a round trip of 1 ms. */
void
unit_set_up(void)
{
	mark = (struct stall_mark){.handed = NOW, .bytes = 3 * MSS};
	info = (struct tcp_info){.tcpi_snd_mss = MSS, .tcpi_min_rtt = 1000};
}

static void
assert_cause(enum stall_cause cause, int64_t held, bool nodelay)
{
	struct stall s = stall_judge(&mark, &info, held, nodelay);

	ck_assert_str_eq(stall_name(s.cause), stall_name(cause));
	ck_assert_int_eq(s.time, cause != STALL_NONE ? held : 0);
	ck_assert_int_eq(mark.handed, 0);
}

TEST(the_time_ends_when_the_last_byte_left)
{
	info.tcpi_last_data_sent = 148;
	ck_assert_int_eq(stall_held(&mark, &info, NOW + 188 * MS), 40 * MS);
}

TEST(what_left_at_once_is_no_stall)
{
	assert_cause(STALL_NONE, STALL_MIN - 1, false);
	assert_cause(STALL_NONE, -4 * MS, false);
}

TEST(without_nodelay_it_is_nagle)
{
	assert_cause(STALL_NAGLE, STALL_MIN, false);
	assert_cause(STALL_NAGLE, 200 * MS, false);
}

TEST(the_client_window)
{
	info.tcpi_rwnd_limited = 300000;
	assert_cause(STALL_CLIENT_WINDOW, 400 * MS, true);
	/* It has not grown since. */
	assert_cause(STALL_NAGLE, 40 * MS, false);
	info.tcpi_rwnd_limited += 10000;
	assert_cause(STALL_NAGLE, 40 * MS, false);
}

/* The look after that in which it was noticed: at the next request. */
static void
assert_loss(enum stall_cause cause, int64_t held, int64_t now)
{
	struct stall s = stall_judge_loss(&mark, &info, now);

	ck_assert_str_eq(stall_name(s.cause), stall_name(cause));
	ck_assert_int_eq(s.time, cause != STALL_NONE ? held : 0);
}

TEST(a_loss_is_told_at_the_next_look)
{
	info.tcpi_total_retrans = 1;
	info.tcpi_rtt = 50000;
	assert_cause(STALL_NONE, 200 * MS, true);
	ck_assert(stall_is_pending(&mark));
	/* What was sent again needs a round trip. */
	assert_loss(STALL_NONE, 0, NOW + 255 * MS);
	ck_assert(stall_is_pending(&mark));
	assert_loss(STALL_LOSS, 200 * MS, NOW + 260 * MS);
	ck_assert(!stall_is_pending(&mark));
	assert_loss(STALL_NONE, 0, NOW + 300 * MS);
	mark.handed = NOW;
	assert_cause(STALL_DELAYED_ACK, 200 * MS, true);
}

/*
 * The client's next request was lost: it sends that again in the moment in which
 * the response comes for the second time, and says so after it.
 */
TEST(what_was_sent_again_for_a_lost_request_is_no_loss)
{
	info.tcpi_min_rtt = 10000;
	info.tcpi_rtt = 10000;
	info.tcpi_total_retrans = 1;
	info.tcpi_last_data_sent = 10;
	assert_cause(STALL_NONE, 213 * MS, true);
	info.tcpi_dsack_dups = 1;
	assert_loss(STALL_NONE, 0, NOW + 240 * MS);
	ck_assert(!stall_is_pending(&mark));
	/* And the next one that is lost is seen. */
	mark.handed = NOW;
	info.tcpi_total_retrans = 2;
	assert_cause(STALL_NONE, 213 * MS, true);
	assert_loss(STALL_LOSS, 213 * MS, NOW + 240 * MS);
}

/* A response is lost, and so is the request that follows it. */
TEST(a_loss_and_a_segment_in_vain_have_no_time)
{
	info.tcpi_total_retrans = 2;
	assert_cause(STALL_NONE, 429 * MS, true);
	info.tcpi_dsack_dups = 1;
	assert_loss(STALL_NONE, 0, NOW + 430 * MS);
	ck_assert(!stall_is_pending(&mark));
	mark.handed = NOW;
	info.tcpi_total_retrans = 4;
	info.tcpi_dsack_dups = 2;
	assert_cause(STALL_NONE, 429 * MS, true);
	ck_assert(!stall_is_pending(&mark));
}

/* The look that tells of the first is the one that finds the second. */
TEST(two_losses_in_a_row_are_two)
{
	info.tcpi_total_retrans = 1;
	assert_cause(STALL_NONE, 200 * MS, true);
	info.tcpi_total_retrans = 2;
	assert_loss(STALL_LOSS, 200 * MS, NOW + CLOCK_SECOND);
	mark.handed = NOW + CLOCK_SECOND;
	assert_cause(STALL_NONE, 300 * MS, true);
	ck_assert(stall_is_pending(&mark));
	assert_loss(STALL_LOSS, 300 * MS, NOW + 3 * CLOCK_SECOND);
}

TEST(a_loss_that_is_pending_goes_with_what_others_wait_for)
{
	info.tcpi_total_retrans = 1;
	assert_cause(STALL_NONE, 200 * MS, true);
	mark.handed = NOW;
	mark.bytes = 1000000;
	info.tcpi_rwnd_limited = 300000;
	assert_cause(STALL_CLIENT_WINDOW, 300 * MS, true);
	assert_loss(STALL_LOSS, 200 * MS, NOW + CLOCK_SECOND);
}

/* The client has asked a moment after it was sent again, 50 ms away. */
TEST(a_segment_that_was_not_needed_is_not_lost)
{
	info.tcpi_min_rtt = 50000;
	info.tcpi_total_retrans = 1;
	info.tcpi_last_data_sent = 4;
	assert_cause(STALL_NONE, 200 * MS, true);
	info.tcpi_total_retrans = 2;
	info.tcpi_last_data_sent = 48;
	assert_cause(STALL_NONE, 200 * MS, true);
	assert_loss(STALL_LOSS, 200 * MS, NOW + CLOCK_SECOND);
}

TEST(a_segment_sent_again_in_vain_tells_nothing)
{
	info.tcpi_total_retrans = 1;
	info.tcpi_dsack_dups = 1;
	assert_cause(STALL_NONE, 200 * MS, true);
	info.tcpi_total_retrans = 2;
	info.tcpi_dsack_dups = 2;
	assert_cause(STALL_NAGLE, 200 * MS, false);
}

TEST(what_needs_several_round_trips_waits_for_the_congestion_window)
{
	mark.bytes = 1000000;
	info.tcpi_min_rtt = 50000;
	assert_cause(STALL_CONGESTION_WINDOW, 300 * MS, true);
	mark.bytes = 1000000;
	assert_cause(STALL_CONGESTION_WINDOW, 300 * MS, false);
	mark.bytes = UINT32_MAX;
	assert_cause(STALL_CONGESTION_WINDOW, 60 * CLOCK_SECOND, false);
}

/* The last segment of many is small. */
TEST(nagle_holds_the_end_of_a_large_response)
{
	mark.bytes = 100000;
	assert_cause(STALL_NAGLE, 60 * MS, false);
}

TEST(a_small_window_and_a_delayed_acknowledgement)
{
	assert_cause(STALL_DELAYED_ACK, 40 * MS, true);
	mark.bytes = 3 * MSS;
	info.tcpi_min_rtt = 10000;
	assert_cause(STALL_DELAYED_ACK, 50 * MS, true);
	mark.bytes = 3 * MSS;
	info.tcpi_min_rtt = 20000;
	assert_cause(STALL_CONGESTION_WINDOW, 39 * MS, true);
	mark.bytes = 9 * MSS;
	assert_cause(STALL_CONGESTION_WINDOW, 79 * MS, true);
}

/* As measured, at round trips of 10 and 50 ms, with initcwnd 1. */
TEST(a_window_of_one_segment_and_clients_that_delay_or_do_not)
{
	mark.bytes = 3 * MSS;
	info.tcpi_min_rtt = 10000;
	assert_cause(STALL_DELAYED_ACK, 46 * MS, true);
	mark.bytes = 3 * MSS;
	info.tcpi_min_rtt = 18000; /* of a busy machine */
	assert_cause(STALL_DELAYED_ACK, 46 * MS, true);
	mark.bytes = 3 * MSS;
	info.tcpi_min_rtt = 10000;
	assert_cause(STALL_CONGESTION_WINDOW, 20 * MS, true);
	mark.bytes = 7 * MSS;
	info.tcpi_min_rtt = 50000;
	assert_cause(STALL_DELAYED_ACK, 136 * MS, true);
	mark.bytes = 7 * MSS;
	assert_cause(STALL_CONGESTION_WINDOW, 104 * MS, true);
}

TEST(each_cause_has_a_name_and_an_advice)
{
	for (int i = 0; i < STALL_CAUSES; i++) {
		ck_assert_uint_gt(strlen(stall_name((enum stall_cause)i)), 0);
		ck_assert_uint_gt(strlen(stall_advice((enum stall_cause)i)), 0);
	}
	ck_assert_str_eq(stall_name(STALL_NONE), "none");
}

/* What still waits: 10 full segments and a small rest, all unacknowledged. */
static void
set_waiting(void)
{
	info = (struct tcp_info){
	    .tcpi_snd_mss = MSS,
	    .tcpi_snd_wnd = 100 * MSS,
	    .tcpi_snd_cwnd = 20,
	    .tcpi_last_data_sent = 20,
	    .tcpi_bytes_sent = (size_t)60 * MSS,
	    .tcpi_bytes_acked = (size_t)50 * MSS,
	    .tcpi_unacked = 10,
	    .tcpi_notsent_bytes = SMALL,
	};
}

static void
assert_now(enum stall_cause cause)
{
	ck_assert_str_eq(stall_name(stall_now(&info)), stall_name(cause));
}

TEST(what_data_waits_for_now)
{
	set_waiting();
	assert_now(STALL_NAGLE);
	info.tcpi_notsent_bytes = 0;
	assert_now(STALL_NONE);
	info.tcpi_notsent_bytes = 10 * MSS;
	assert_now(STALL_CONGESTION_WINDOW);
	info.tcpi_snd_wnd = 10 * MSS;
	assert_now(STALL_CLIENT_WINDOW);
	set_waiting();
	info.tcpi_snd_wnd = 0;
	info.tcpi_bytes_acked = info.tcpi_bytes_sent;
	info.tcpi_unacked = 0;
	info.tcpi_backoff = 3; /* of window probes */
	assert_now(STALL_CLIENT_WINDOW);
	set_waiting();
	info.tcpi_notsent_bytes = 0;
	info.tcpi_lost = 1;
	assert_now(STALL_LOSS);
	info.tcpi_last_data_sent = 4;
	assert_now(STALL_NONE);
}

/* Real sockets: a client that delays its acknowledgements. */

static int server = -1, client = -1;

static void
set_option(int fd, int option, int value)
{
	ck_assert_int_eq(
	    setsockopt(fd, IPPROTO_TCP, option, &value, sizeof(value)), 0);
}

static void
open_sockets(bool nodelay, int room)
{
	struct sockaddr_in a;
	int listener = loopback_listen(&a);

	client = socket(AF_INET, SOCK_STREAM, 0);
	if (room > 0)
		setsockopt(client, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	server = loopback_connect(client, listener, &a);
	set_option(server, TCP_NODELAY, nodelay);
	set_option(client, TCP_QUICKACK, 0);
}

static void
close_sockets(void)
{
	close(server);
	close(client);
}

static void
hand(size_t len)
{
	static const char bytes[100000];

	ck_assert_int_eq(send(server, bytes, len, 0), (ssize_t)len);
	mark.handed = clock_now();
	mark.bytes = (uint32_t)len;
}

static void
take(size_t len)
{
	static char bytes[100000];

	ck_assert_int_eq(recv(client, bytes, len, MSG_WAITALL), (ssize_t)len);
}

static void
pause_ms(long ms)
{
	const struct timespec t = {.tv_nsec = ms * 1000000};

	nanosleep(&t, NULL);
}

TEST(two_sends_with_nagle)
{
	struct stall s;

	open_sockets(false, 0);
	hand(SMALL);
	hand(SMALL);
	pause_ms(1);
	s = stall_look(&mark, server);
	ck_assert_int_eq(s.cause, STALL_NONE);
	ck_assert(mark.held);
	take(2 * SMALL); /* with the acknowledgement, which it delays */
	s = stall_look(&mark, server);
	ck_assert_str_eq(stall_name(s.cause), "nagle");
	ck_assert_int_ge(s.time, STALL_MIN);
	ck_assert(!mark.held);
	ck_assert_int_eq(mark.handed, 0);
	close_sockets();
}

TEST(two_sends_with_nodelay)
{
	struct stall s;

	open_sockets(true, 0);
	hand(SMALL);
	hand(SMALL);
	take(2 * SMALL);
	pause_ms(100);
	s = stall_look(&mark, server);
	ck_assert_str_eq(stall_name(s.cause), "none");
	close_sockets();
}

TEST(a_client_that_does_not_read)
{
	struct stall s;

	open_sockets(true, 4096);
	hand(50000);
	pause_ms(100);
	s = stall_look(&mark, server);
	ck_assert_int_eq(s.cause, STALL_NONE); /* it has not ended yet */
	ck_assert_int_eq(mark.handed, 0);
	hand(1000);
	pause_ms(100);
	take(51000);
	pause_ms(1);
	s = stall_look(&mark, server);
	ck_assert_str_eq(stall_name(s.cause), "client_window");
	close_sockets();
}

TEST(a_unix_socket_is_not_judged)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(stall_look(&mark, pair[0]).cause, STALL_NONE);
	ck_assert_int_eq(mark.handed, 0);
	close(pair[0]);
	close(pair[1]);
}
