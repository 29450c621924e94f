#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "descriptors.h"
#include "handoff.h"
#include "unit.h"

#define MANY 100

static struct handoff_lane lane;
static struct handoff sent;
static char bytes[HANDOFF_BYTES_MAX];
static char got[HANDOFF_BYTES_MAX];
static size_t len;
static struct rest rest;

static void
set_up(void)
{
	ck_assert_int_eq(handoff_open_lane(&lane), 0);
	sent = (struct handoff){
	    .kind = HANDOFF_SERVE,
	    .requests = 7,
	    .since = INT64_C(1) << 40,
	    .gap = 12345,
	    .peer.length = sizeof(sent.peer.address),
	    .peer.name = "192.0.2.1",
	};
	memset(&sent.peer.address, 0x5a, sizeof(sent.peer.address));
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)unit_random();
}

static void
tear_down(void)
{
	close(lane.from);
	close(lane.to);
}

static void
make_pipe(int ends[2])
{
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
}

/* The lane has the only copy of what is written to the pipe. */
static bool
is_hung_up(int reader)
{
	struct pollfd end = {.fd = reader};

	return poll(&end, 1, 0) == 1 && (end.revents & POLLHUP) != 0;
}

static int
receive(struct handoff *h)
{
	memset(h, 0xff, sizeof(*h));
	memset(got, 0, sizeof(got));
	return handoff_receive(&lane, h, got, sizeof(got), &len, &rest);
}

START_TEST(all_of_a_message_arrives)
{
	static const enum handoff_kind kinds[] = {
	    HANDOFF_WAIT, HANDOFF_COLLECT, HANDOFF_SERVE, HANDOFF_LATE};
	static const size_t lengths[] = {0, 1, 2, 255, 4096, 16384,
	    HANDOFF_BYTES_MAX - 1, HANDOFF_BYTES_MAX};
	struct handoff h;
	int ends[2], fd;

	make_pipe(ends);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		sent.kind = kinds[i % 4];
		sent.requests = (uint32_t)i;
		ck_assert_int_eq(handoff_send(&lane, &sent, ends[1], bytes,
				     lengths[i], NULL),
		    0);
		fd = receive(&h);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_ne(fd, ends[1]);
		ck_assert(descriptors_file(fd) == descriptors_file(ends[1]));
		ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
		ck_assert_mem_eq(&h, &sent, sizeof(h));
		ck_assert_uint_eq(len, lengths[i]);
		ck_assert(memcmp(got, bytes, len) == 0);
		close(fd);
	}
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(the_descriptor_stays_the_senders_and_lives_in_the_lane)
{
	struct handoff h;
	int ends[2], fd;

	make_pipe(ends);
	ck_assert_int_eq(handoff_send(&lane, &sent, ends[1], NULL, 0, NULL), 0);
	ck_assert_int_eq(fcntl(ends[1], F_GETFD), FD_CLOEXEC);
	close(ends[1]);
	ck_assert(!is_hung_up(ends[0]));
	fd = receive(&h);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	ck_assert_int_eq(read(ends[0], got, sizeof(got)), 1);
	close(fd);
	ck_assert(is_hung_up(ends[0]));
	close(ends[0]);
}
END_TEST

START_TEST(an_empty_lane_does_not_block)
{
	struct handoff h;

	errno = 0;
	ck_assert_int_eq(receive(&h), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert(!handoff_is_waiting(&lane));
	ck_assert_int_eq(handoff_send(&lane, &sent, lane.to, NULL, 0, NULL), 0);
	ck_assert(handoff_is_waiting(&lane));
	close(receive(&h));
	ck_assert(!handoff_is_waiting(&lane));
}
END_TEST

START_TEST(messages_keep_their_order_and_their_own_bytes)
{
	struct handoff h;
	int before = descriptors_count();
	int ends[2], fd;

	for (uint32_t i = 0; i < MANY; i++) {
		make_pipe(ends);
		ck_assert_int_eq(write(ends[1], &i, sizeof(i)), sizeof(i));
		sent.requests = i;
		ck_assert_int_eq(
		    handoff_send(&lane, &sent, ends[0], bytes + i, i, NULL), 0);
		close(ends[0]);
		close(ends[1]);
	}
	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t own = MANY;

		fd = receive(&h);
		ck_assert_int_ge(fd, 0);
		ck_assert_uint_eq(h.requests, i);
		ck_assert_uint_eq(len, i);
		ck_assert(memcmp(got, bytes + i, len) == 0);
		ck_assert_int_eq(read(fd, &own, sizeof(own)), sizeof(own));
		ck_assert_uint_eq(own, i);
		close(fd);
	}
	ck_assert_int_eq(descriptors_count(), before);
}
END_TEST

/* What was refused is not there; what was taken is, and then there is room. */
START_TEST(a_full_lane_does_not_block)
{
	struct handoff h;
	uint32_t taken = 0;
	int fd;

	while (sent.requests = taken,
	    handoff_send(&lane, &sent, lane.from, bytes, sizeof(bytes), NULL) ==
		0)
		ck_assert_uint_lt(++taken, 10000);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_uint_gt(taken, 0);
	for (uint32_t i = 0; i < taken; i++) {
		fd = receive(&h);
		ck_assert_int_ge(fd, 0);
		ck_assert_uint_eq(h.requests, i);
		ck_assert_uint_eq(len, sizeof(bytes));
		ck_assert(memcmp(got, bytes, len) == 0);
		close(fd);
	}
	ck_assert_int_eq(receive(&h), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(
	    handoff_send(&lane, &sent, lane.from, bytes, sizeof(bytes), NULL),
	    0);
}
END_TEST

static void
allow_descriptors(int count)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = (rlim_t)count;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* The connection is lost, which its client sees; the lane goes on. */
START_TEST(without_a_free_descriptor_none_leaks)
{
	struct handoff h;
	int before = descriptors_count();
	int ends[2], fd;

	make_pipe(ends);
	sent.requests = 1;
	ck_assert_int_eq(
	    handoff_send(&lane, &sent, ends[1], bytes, 5, NULL), 0);
	close(ends[1]);
	sent.requests = 2;
	ck_assert_int_eq(
	    handoff_send(&lane, &sent, ends[0], bytes, 6, NULL), 0);
	allow_descriptors(ends[0] + 1);
	ck_assert_int_eq(receive(&h), -1);
	ck_assert_int_eq(errno, EMFILE);
	ck_assert(is_hung_up(ends[0]));

	allow_descriptors(ends[0] + MANY);
	fd = receive(&h);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(h.requests, 2);
	ck_assert_uint_eq(len, 6);
	close(fd);
	close(ends[0]);
	ck_assert_int_eq(descriptors_count(), before);
}
END_TEST

START_TEST(a_closed_other_end_is_told)
{
	struct handoff h;

	close(lane.to);
	ck_assert_int_eq(receive(&h), -1);
	ck_assert_int_eq(errno, EPIPE);
	set_up();
	close(lane.from);
	ck_assert_int_eq(handoff_send(&lane, &sent, 0, bytes, 1, NULL), -1);
	ck_assert_int_eq(errno, EPIPE);
	set_up();
}
END_TEST

START_TEST(a_descriptor_that_is_none_is_not_sent)
{
	struct handoff h;

	ck_assert_int_eq(handoff_send(&lane, &sent, -1, bytes, 1, NULL), -1);
	ck_assert_int_eq(errno, EBADF);
	ck_assert_int_eq(receive(&h), -1);
	ck_assert_int_eq(errno, EAGAIN);
}
END_TEST

/* From a worker that somebody has taken over. */
START_TEST(what_makes_no_sense_is_dropped_whole)
{
	int before = descriptors_count();
	struct handoff h;
	struct rest none;

	rest_init(&none);
	sent.kind = (enum handoff_kind)77;
	ck_assert_int_eq(handoff_send(&lane, &sent, 0, bytes, 1, NULL), 0);
	ck_assert_int_eq(receive(&h), -1);
	ck_assert_int_eq(errno, EPROTO);
	/* One that says of itself that there is a rest, and has none. */
	sent.kind = HANDOFF_SEND;
	none.count = SIZE_MAX;
	none.first = 1;
	ck_assert_int_eq(handoff_send(&lane, &sent, 0, bytes, 1, &none), 0);
	close(receive(&h));
	ck_assert_uint_eq(rest_length(&rest), 0);
	ck_assert_int_eq(descriptors_count(), before);
}
END_TEST

int
main(void)
{
	TCase *tests = unit_tests("handoff");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, all_of_a_message_arrives);
	tcase_add_test(
	    tests, the_descriptor_stays_the_senders_and_lives_in_the_lane);
	tcase_add_test(tests, an_empty_lane_does_not_block);
	tcase_add_test(tests, messages_keep_their_order_and_their_own_bytes);
	tcase_add_test(tests, a_full_lane_does_not_block);
	tcase_add_test(tests, without_a_free_descriptor_none_leaks);
	tcase_add_test(tests, a_closed_other_end_is_told);
	tcase_add_test(tests, a_descriptor_that_is_none_is_not_sent);
	tcase_add_test(tests, what_makes_no_sense_is_dropped_whole);
	return unit_run();
}
