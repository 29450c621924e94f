#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "connection/output.h"
#include "unit.h"

#define TIMEOUT (20 * CLOCK_SECOND)
#define BIG (300 << 10)

static struct output out;
static int peer = -1;
static struct buffer received, expected;

/* SOCK_SEQPACKET keeps sends apart, so that they can be counted. */
static void
connect_as(int type)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, type, 0, pair), 0);
	output_init(&out, TIMEOUT, TIMEOUT / 4);
	output_attach(&out, pair[0]);
	peer = pair[1];
}

void
unit_tear_down(void)
{
	close(out.fd);
	close(peer);
	output_free(&out);
	buffer_free(&received);
	buffer_free(&expected);
}

/* One send's bytes into received; false when there is none. */
static bool
receive_one(void)
{
	char *to;
	ssize_t n;

	buffer_clear(&received);
	to = buffer_reserve(&received, BIG);
	n = recv(peer, to, BIG, MSG_DONTWAIT);
	if (n <= 0)
		return false;
	received.len = (size_t)n;
	return true;
}

static void
copy(const char *s)
{
	output_copy(&out, s, strlen(s));
}

TEST(nothing_leaves_before_a_flush)
{
	connect_as(SOCK_SEQPACKET);
	copy("head");
	output_refer(&out, "body", 4);
	ck_assert(!receive_one());
	ck_assert_int_eq(output_flush(&out), 0);
	ck_assert(receive_one());
}

TEST(head_and_body_leave_in_one_send)
{
	connect_as(SOCK_SEQPACKET);
	copy("head");
	output_refer(&out, "body", 4);
	copy("next");
	ck_assert_int_eq(output_flush(&out), 0);
	ck_assert(receive_one());
	assert_string_eq(&received, "headbodynext");
	ck_assert(!receive_one());
	ck_assert_uint_eq(out.sent, 12);
}

TEST(a_flush_of_nothing_sends_nothing)
{
	connect_as(SOCK_SEQPACKET);
	output_copy(&out, "x", 0);
	output_refer(&out, "x", 0);
	output_file(&out, -1, 0, 0);
	ck_assert_int_eq(output_flush(&out), 0);
	ck_assert_int_eq(output_flush(&out), 0);
	ck_assert(!receive_one());
}

TEST(few_bytes_that_are_borrowed_are_copied)
{
	char bytes[OUTPUT_BORROW_MIN - 1];

	connect_as(SOCK_SEQPACKET);
	memset(bytes, 'a', sizeof(bytes));
	output_borrow(&out, bytes, sizeof(bytes));
	ck_assert(!output_borrows(&out));
	memset(bytes, 'b', sizeof(bytes));
	output_flush(&out);
	ck_assert(receive_one());
	ck_assert_uint_eq(received.len, sizeof(bytes));
	ck_assert_int_eq(received.data[0], 'a');
}

TEST(bytes_are_borrowed_until_they_are_sent)
{
	char bytes[OUTPUT_BORROW_MIN];

	connect_as(SOCK_SEQPACKET);
	memset(bytes, 'a', sizeof(bytes));
	copy("head");
	output_borrow(&out, bytes, sizeof(bytes));
	ck_assert(output_borrows(&out));
	ck_assert_uint_eq(out.used, strlen("head"));
	output_flush(&out);
	ck_assert(!output_borrows(&out));
	ck_assert(receive_one());
	ck_assert_uint_eq(received.len, strlen("head") + sizeof(bytes));
}

TEST(a_thousand_small_copies_are_one_send)
{
	connect_as(SOCK_SEQPACKET);
	for (int i = 0; i < 1000; i++)
		copy("0123456789");
	output_flush(&out);
	ck_assert(receive_one());
	ck_assert_uint_eq(received.len, 10000);
	ck_assert(!receive_one());
}

TEST(more_parts_than_fit_send_what_waits_first)
{
	static const char bytes[] = "a-b";

	connect_as(SOCK_SEQPACKET);
	/* One byte each, none behind the one before it. */
	for (int i = 0; i <= OUTPUT_PARTS_MAX; i++)
		output_refer(&out, &bytes[i % 2 * 2], 1);
	ck_assert(receive_one());
	ck_assert_uint_le(received.len, OUTPUT_PARTS_MAX);
	output_flush(&out);
	ck_assert(receive_one());
	ck_assert_uint_eq(out.sent, OUTPUT_PARTS_MAX + 1);
}

TEST(copies_that_do_not_fit_send_what_waits_first)
{
	static char bytes[OUTPUT_BUFFER_SIZE - 1];

	connect_as(SOCK_SEQPACKET);
	output_copy(&out, bytes, sizeof(bytes));
	ck_assert(!receive_one());
	copy("ab");
	ck_assert(receive_one());
	ck_assert_uint_eq(received.len, sizeof(bytes));
	output_flush(&out);
	ck_assert(receive_one());
	assert_string_eq(&received, "ab");
}

TEST(what_was_copied_may_change_at_once_however_large)
{
	static char bytes[OUTPUT_BUFFER_SIZE + 1000];

	connect_as(SOCK_SEQPACKET);
	memset(bytes, 'a', sizeof(bytes));
	output_copy(&out, bytes, 10);
	output_copy(&out, bytes, sizeof(bytes));
	memset(bytes, 'b', sizeof(bytes));
	output_flush(&out);
	while (receive_one())
		buffer_add_text(&expected, buffer_text(&received));
	ck_assert_uint_eq(expected.len, sizeof(bytes) + 10);
	ck_assert_ptr_null(memchr(expected.data, 'b', expected.len));
}

/* A file of so many bytes, each told by its place. */
static int
make_file(size_t size)
{
	int fd = memfd_create("check_output", MFD_CLOEXEC);
	struct buffer b = {0};

	for (size_t i = 0; i < size; i++)
		buffer_add_char(&b, (char)(i * 31 % 251));
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, b.data, size), (ssize_t)size);
	buffer_free(&b);
	return fd;
}

static void
expect_region(size_t offset, size_t length)
{
	for (size_t i = offset; i < offset + length; i++)
		buffer_add_char(&expected, (char)(i * 31 % 251));
}

static void
assert_received(void)
{
	ck_assert_uint_eq(received.len, expected.len);
	ck_assert(text_equal(buffer_text(&received), buffer_text(&expected)));
}

TEST(a_small_file_leaves_with_its_head)
{
	int file = make_file(OUTPUT_READ_MAX);

	connect_as(SOCK_SEQPACKET);
	copy("head");
	output_file(&out, file, 3, OUTPUT_READ_MAX - 3);
	copy("tail");
	ck_assert_int_eq(output_flush(&out), 0);
	buffer_add_string(&expected, "head");
	expect_region(3, OUTPUT_READ_MAX - 3);
	buffer_add_string(&expected, "tail");
	ck_assert(receive_one());
	assert_received();
	ck_assert(!receive_one());
	close(file);
}

/* Reads all until the end, a little at a time. */
static void
receive_all(void)
{
	ssize_t n;

	buffer_clear(&received);
	do {
		char *to = buffer_reserve(&received, 1 << 16);

		n = recv(peer, to, 1 + unit_random_below(1 << 12), 0);
		ck_assert_int_ne(n, -1);
		received.len += (size_t)n;
	} while (n > 0);
}

/* The end of the stream is then the child's. */
static void
leave_to_child(void)
{
	close(out.fd);
	out.fd = -1;
}

/* The child that writes says by its status how it went. */
static void
assert_child_ends_well(pid_t child)
{
	int status;

	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "the writer's status is %x", (unsigned)status);
}

TEST(a_large_file_comes_whole_between_its_neighbours)
{
	int file = make_file(BIG);
	pid_t child;

	connect_as(SOCK_STREAM);
	child = fork();
	if (child == 0) {
		copy("head");
		output_file(&out, file, 7, BIG - 7);
		copy("tail");
		_exit(output_flush(&out) != 0 || out.sent != BIG - 7 + 8);
	}
	leave_to_child();
	receive_all();
	buffer_add_string(&expected, "head");
	expect_region(7, BIG - 7);
	buffer_add_string(&expected, "tail");
	assert_received();
	assert_child_ends_well(child);
	close(file);
}

TEST(a_file_is_read_past_4_gib)
{
	const off_t end = INT64_C(5) << 30;
	int file = memfd_create("check_output", MFD_CLOEXEC);

	ck_assert_int_ne(file, -1);
	ck_assert_int_eq(pwrite(file, "marker", 6, end), 6);
	connect_as(SOCK_STREAM);
	output_file(&out, file, (uint64_t)end, 6);
	output_flush(&out);
	ck_assert(receive_one());
	assert_string_eq(&received, "marker");
	/* By sendfile. */
	output_file(&out, file, (uint64_t)end + 6 - (OUTPUT_READ_MAX + 1),
	    OUTPUT_READ_MAX + 1);
	for (expected.len = 0; expected.len <= OUTPUT_READ_MAX;) {
		ck_assert(receive_one());
		buffer_add_text(&expected, buffer_text(&received));
	}
	ck_assert_mem_eq(expected.data + expected.len - 6, "marker", 6);
	close(file);
}

TEST(a_small_file_that_shrank_fails_after_what_came_before_it)
{
	int file = make_file(10);

	connect_as(SOCK_SEQPACKET);
	copy("whole response");
	output_file(&out, file, 0, 20);
	ck_assert(out.failed);
	ck_assert_int_eq(output_flush(&out), -1);
	ck_assert(receive_one());
	ck_assert(text_begins(buffer_text(&received), TEXT("whole response")));
	ck_assert_uint_le(received.len, strlen("whole response") + 10);
	close(file);
}

static double
seconds_since(int64_t start)
{
	return (double)(clock_now() - start) / (double)CLOCK_SECOND;
}

static void
assert_fails_in_time(int64_t start, double least)
{
	ck_assert_int_eq(output_flush(&out), -1);
	ck_assert_double_ge(seconds_since(start), least);
	ck_assert_double_le(seconds_since(start), 10);
}

TEST(a_large_file_that_shrank_fails_at_once)
{
	int file = make_file(OUTPUT_READ_MAX + 10);
	int64_t start = clock_now();

	connect_as(SOCK_STREAM);
	output_file(&out, file, 0, OUTPUT_READ_MAX + 20);
	assert_fails_in_time(start, 0);
	ck_assert_int_eq(ftruncate(file, 0), 0);
	output_attach(&out, out.fd);
	output_file(&out, file, 0, OUTPUT_READ_MAX + 20);
	assert_fails_in_time(start, 0);
	close(file);
}

TEST(a_failed_output_sends_nothing_more_until_it_is_attached)
{
	int file = make_file(1);

	connect_as(SOCK_SEQPACKET);
	output_file(&out, file, 0, 2);
	ck_assert(out.failed);
	while (receive_one())
		;
	copy("a");
	output_refer(&out, "b", 1);
	output_file(&out, file, 0, 1);
	ck_assert_int_eq(output_flush(&out), -1);
	ck_assert(!receive_one());
	output_attach(&out, out.fd);
	ck_assert_uint_eq(out.sent, 0);
	copy("c");
	ck_assert_int_eq(output_flush(&out), 0);
	ck_assert(receive_one());
	assert_string_eq(&received, "c");
	close(file);
}

TEST(what_waited_for_one_client_never_goes_to_the_next)
{
	connect_as(SOCK_SEQPACKET);
	copy("secret");
	output_attach(&out, out.fd);
	ck_assert_int_eq(output_flush(&out), 0);
	ck_assert(!receive_one());
}

TEST(a_peer_that_is_gone_is_a_failure_and_no_signal)
{
	connect_as(SOCK_STREAM);
	close(peer);
	signal(SIGPIPE, SIG_DFL);
	copy("a");
	ck_assert_int_eq(output_flush(&out), -1);
	ck_assert(out.failed);
}

static void
on_alarm(int number)
{
	(void)number;
}

/* System calls are interrupted all the time, and not restarted. */
static void
interrupt_often(void)
{
	const struct sigaction action = {.sa_handler = on_alarm};
	const struct itimerval often = {
	    .it_interval = {.tv_usec = 300}, .it_value = {.tv_usec = 300}};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
}

/* A part of the file, handed in in any of the three ways. */
static void
write_part(int how, int file, const char *bytes, size_t offset, size_t len)
{
	switch (how % 3) {
	case 0:
		output_copy(&out, bytes + offset, len);
		break;
	case 1:
		output_refer(&out, bytes + offset, len);
		break;
	default:
		output_file(&out, file, offset, len);
	}
	if (how < 3)
		output_flush(&out);
}

static size_t
random_length(void)
{
	bool large = unit_random_below(10) == 0;

	return unit_random_below(large ? BIG - 1000 : 2000);
}

TEST(short_and_interrupted_sends_lose_and_repeat_no_byte)
{
	int file = make_file(BIG), small = 4096;
	struct buffer bytes = {0};
	pid_t child;

	connect_as(SOCK_STREAM);
	setsockopt(out.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	expect_region(0, BIG);
	buffer_add_text(&bytes, buffer_text(&expected));
	child = fork();
	if (child == 0)
		interrupt_often();
	else
		buffer_clear(&expected);
	for (int i = 0; i < 200; i++) {
		size_t offset = unit_random_below(1000), len = random_length();
		int how = (int)unit_random_below(60);

		/* The same numbers in both processes. */
		if (child == 0)
			write_part(how, file, bytes.data, offset, len);
		else
			buffer_add(&expected, bytes.data + offset, len);
	}
	if (child == 0)
		_exit(output_flush(&out) != 0);
	leave_to_child();
	receive_all();
	assert_received();
	assert_child_ends_well(child);
	buffer_free(&bytes);
	close(file);
}

static void
set_send_timeout(int64_t timeout)
{
	out.tick = timeout / 4;
	out.timeout = timeout;
}

TEST(a_peer_that_does_not_read_fails_the_output_in_time)
{
	static char bytes[BIG * 4];
	int64_t start = clock_now();

	connect_as(SOCK_STREAM);
	set_send_timeout(100 * CLOCK_MILLISECOND);
	output_refer(&out, bytes, sizeof(bytes));
	assert_fails_in_time(start, 0.09);
}

TEST(a_peer_that_does_not_read_a_file_fails_the_output_in_time)
{
	int file = make_file(BIG * 4);
	int64_t start = clock_now();

	connect_as(SOCK_STREAM);
	set_send_timeout(100 * CLOCK_MILLISECOND);
	output_file(&out, file, 0, BIG * 4);
	assert_fails_in_time(start, 0.09);
	close(file);
}

TEST(a_stall_shorter_than_the_time_out_is_no_failure)
{
	const struct timespec stall = {.tv_sec = 2};
	int file = make_file(BIG);
	pid_t child;

	connect_as(SOCK_STREAM);
	set_send_timeout(7 * CLOCK_SECOND);
	child = fork();
	if (child == 0) {
		output_file(&out, file, 0, BIG);
		_exit(output_flush(&out) != 0);
	}
	leave_to_child();
	nanosleep(&stall, NULL);
	receive_all();
	expect_region(0, BIG);
	assert_received();
	assert_child_ends_well(child);
	close(file);
}

TEST(the_position_counts_what_is_sent_and_what_waits)
{
	connect_as(SOCK_SEQPACKET);
	copy("abc");
	ck_assert_uint_eq(output_position(&out), 3);
	output_flush(&out);
	copy("de");
	ck_assert_uint_eq(output_position(&out), 5);
	ck_assert_uint_eq(out.sent, 3);
	ck_assert(!output_is_unsent(&out));
	output_attach(&out, out.fd);
	ck_assert_uint_eq(output_position(&out), 0);
}

TEST(signals_do_not_make_a_stalled_send_last_for_ever)
{
	static char bytes[BIG * 4];
	int64_t start = clock_now();

	connect_as(SOCK_STREAM);
	out.timeout = 400 * CLOCK_MILLISECOND;
	interrupt_often();
	output_refer(&out, bytes, sizeof(bytes));
	/* The first interruption counts as a tick. */
	assert_fails_in_time(start, 0.29);
}
