#include <sys/resource.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "descriptors.h"
#include "os/fd_passing.h"
#include "unit.h"

static int ends[2];
static int before;
static char word[8];
static struct passed_fds got;

void
unit_set_up(void)
{
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	before = descriptors_count();
}

/* Whatever a test has received it has closed. */
void
unit_tear_down(void)
{
	ck_assert_int_eq(descriptors_count(), before);
	close(ends[0]);
	close(ends[1]);
}

static ssize_t
pass(const char *bytes, size_t count)
{
	const int fds[FD_PASSING_MAX] = {ends[0], STDOUT_FILENO, STDIN_FILENO};
	const struct iovec part = {
	    .iov_base = (void *)(uintptr_t)bytes, .iov_len = strlen(bytes)};

	return fd_passing_send(ends[1], &part, 1, fds, count, MSG_DONTWAIT);
}

static ssize_t
receive(size_t max)
{
	const struct iovec part = {.iov_base = word, .iov_len = sizeof(word)};

	memset(&got, 0xff, sizeof(got));
	return fd_passing_receive(ends[0], &part, 1, &got, max, MSG_DONTWAIT);
}

TEST(each_number_of_descriptors_arrives)
{
	for (size_t count = 0; count <= FD_PASSING_MAX; count++) {
		ck_assert_int_eq(pass("four", count), 4);
		ck_assert_int_eq(receive(FD_PASSING_MAX), 4);
		ck_assert_int_eq(got.error, 0);
		ck_assert_uint_eq(got.count, count);
		ck_assert(count == 0 ||
		    descriptors_file(got.at[0]) == descriptors_file(ends[0]));
		for (size_t i = 0; i < count; i++)
			ck_assert_int_eq(fcntl(got.at[i], F_GETFD), FD_CLOEXEC);
		fd_passing_close(&got);
	}
}

TEST(more_than_the_receiver_takes_are_closed)
{
	for (size_t max = 0; max < FD_PASSING_MAX; max++) {
		ck_assert_int_eq(pass("four", max + 1), 4);
		ck_assert_int_eq(receive(max), 4);
		ck_assert_int_eq(got.error, EPROTO);
		ck_assert_uint_eq(got.count, 0);
	}
}

TEST(a_message_longer_than_the_parts_is_refused)
{
	ck_assert_int_eq(pass("nine byte", 2), 9);
	ck_assert_int_eq(receive(2), sizeof(word));
	ck_assert_int_eq(got.error, EPROTO);
	ck_assert_uint_eq(got.count, 0);
}

TEST(without_room_for_all_there_are_none)
{
	struct rlimit limit, low;

	ck_assert_int_eq(pass("four", 2), 4);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = (rlim_t)dup(STDIN_FILENO) + 1; /* for one of them */
	close((int)low.rlim_cur - 1);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	ck_assert_int_eq(receive(2), 4);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(got.error, EMFILE);
	ck_assert_uint_eq(got.count, 0);
}

/* Any process that has the socket open can ask the kernel for them. */
TEST(credentials_beside_the_descriptors_take_no_room_from_them)
{
	const int on = 1;

	ck_assert_int_eq(
	    setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	(void)setsockopt(ends[0], SOL_SOCKET, SO_PASSSEC, &on, sizeof(on));
	ck_assert_int_eq(pass("four", FD_PASSING_MAX), 4);
	ck_assert_int_eq(receive(FD_PASSING_MAX), 4);
	ck_assert_int_eq(got.error, 0);
	ck_assert_uint_eq(got.count, FD_PASSING_MAX);
	fd_passing_close(&got);
}

TEST(a_failure_brings_none)
{
	ck_assert_int_eq(receive(1), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_uint_eq(got.count, 0);
	ck_assert_int_eq(got.error, 0);
}
