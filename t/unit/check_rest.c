#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rest.h"
#include "unit.h"

static struct rest rest;
static int ends[2];
static int file;
static char received[64];
static size_t len;

static void
set_up(void)
{
	char name[] = "/tmp/tined-rest-XXXXXX";

	rest_init(&rest);
	len = 0;
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	file = mkstemp(name);
	ck_assert_int_ne(file, -1);
	unlink(name);
	ck_assert_int_eq(write(file, "0123456789", 10), 10);
}

static void
tear_down(void)
{
	rest_release(&rest);
	close(ends[0]);
	close(ends[1]);
	close(file);
}

static void
receive(void)
{
	ssize_t n = recv(ends[1], received, sizeof(received) - 1, 0);

	len = n > 0 ? (size_t)n : 0;
	received[len] = '\0';
}

static void
send_all(size_t step)
{
	while (rest_length(&rest) > 0)
		ck_assert_int_gt(rest_send(&rest, ends[0], step), 0);
	receive();
}

START_TEST(bytes_and_regions_keep_their_order)
{
	ck_assert_int_eq(rest_add_bytes(&rest, "head", 4), 0);
	ck_assert_int_eq(rest_add_bytes(&rest, "|", 1), 0);
	ck_assert_int_eq(rest_add_file(&rest, file, 2, 3), 0);
	ck_assert_int_eq(rest_add_bytes(&rest, "|tail", 5), 0);
	ck_assert_int_eq(rest_add_file(&rest, file, 0, 1), 0);
	ck_assert_uint_eq(rest.count, 4);
	ck_assert_uint_eq(rest.spilled, 10);
	ck_assert_uint_eq(rest_length(&rest), 14);
	send_all(_i == 0 ? 1 : 1000);
	ck_assert_str_eq(received, "head|234|tail0");
	ck_assert_int_eq(rest_send(&rest, ends[0], 1), 0);
}
END_TEST

START_TEST(the_files_of_the_caller_stay_open)
{
	ck_assert_int_eq(rest_add_file(&rest, file, 0, 10), 0);
	ck_assert_int_ne(rest.file, file);
	rest_release(&rest);
	ck_assert_int_eq(rest.file, -1);
	ck_assert_int_eq(lseek(file, 0, SEEK_END), 10);
}
END_TEST

START_TEST(a_file_that_became_shorter_is_an_error)
{
	ck_assert_int_eq(rest_add_file(&rest, file, 5, 10), 0);
	ck_assert_int_eq(rest_send(&rest, ends[0], 1000), 5);
	ck_assert_int_eq(rest_send(&rest, ends[0], 1000), -1);
	ck_assert_int_eq(errno, EIO);
}
END_TEST

START_TEST(a_full_socket_is_told)
{
	static char much[1 << 20];

	ck_assert_int_eq(rest_add_bytes(&rest, much, sizeof(much)), 0);
	while (rest_send(&rest, ends[0], 1 << 16) > 0)
		continue;
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_uint_gt(rest_length(&rest), 0);
	receive();
	ck_assert_uint_gt(len, 0);
}
END_TEST

static ssize_t
send_cached(size_t max)
{
	char buffer[4];

	return rest_send_cached(&rest, ends[0], max, buffer, sizeof(buffer));
}

/* A file system that cannot tell might make the process wait. */
START_TEST(what_is_in_memory_is_sent_without_waiting)
{
	ck_assert_int_eq(rest_add_bytes(&rest, "head|", 5), 0);
	ck_assert_int_eq(rest_add_file(&rest, file, 2, 6), 0);
	ck_assert_int_eq(send_cached(100), 4); /* by way of the buffer */
	ck_assert_int_eq(send_cached(100), 1);
	if (send_cached(100) == -1) {
		ck_assert_int_eq(errno, REST_IS_ON_DISK);
		ck_assert_uint_eq(rest_length(&rest), 6);
		ck_assert_int_eq(rest_send(&rest, ends[0], 4), 4);
	}
	ck_assert_uint_eq(rest_next(&rest), 2);
	send_all(100);
	ck_assert_str_eq(received, "head|234567");
	ck_assert_int_eq(send_cached(100), 0);
}
END_TEST

START_TEST(what_has_become_shorter_is_an_error_there_too)
{
	ck_assert_int_eq(rest_add_file(&rest, file, 12, 10), 0);
	ck_assert_int_eq(send_cached(100), -1);
	ck_assert(errno == EIO || errno == REST_IS_ON_DISK);
}
END_TEST

/* A disk that is asked again has it by then, and so has one that is quick. */
START_TEST(what_is_on_disk_is_not_waited_for)
{
	static char much[1 << 20];
	ssize_t n;

	ck_assert_int_eq(pwrite(file, much, sizeof(much), 0), sizeof(much));
	ck_assert_int_eq(fdatasync(file), 0);
	ck_assert_int_eq(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED), 0);
	ck_assert_int_eq(rest_add_file(&rest, file, 0, sizeof(much)), 0);
	n = send_cached(100);
	ck_assert(n > 0 || errno == REST_IS_ON_DISK);
	ck_assert_uint_eq(
	    rest_length(&rest), sizeof(much) - (n > 0 ? (size_t)n : 0));
}
END_TEST

START_TEST(too_many_segments_are_refused)
{
	for (int i = 0; i < REST_SEGMENTS_MAX; i++)
		ck_assert_int_eq(
		    rest_add_file(&rest, file, i % 2 == 0 ? 0 : 5, 1), 0);
	ck_assert_int_eq(rest_add_file(&rest, file, 0, 1), -1);
	ck_assert_int_eq(errno, ENOBUFS);
	ck_assert_uint_eq(rest_length(&rest), REST_SEGMENTS_MAX);
}
END_TEST

int
main(void)
{
	TCase *tests = unit_tests("rest");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_loop_test(tests, bytes_and_regions_keep_their_order, 0, 2);
	tcase_add_test(tests, the_files_of_the_caller_stay_open);
	tcase_add_test(tests, a_file_that_became_shorter_is_an_error);
	tcase_add_test(tests, a_full_socket_is_told);
	tcase_add_test(tests, what_is_in_memory_is_sent_without_waiting);
	tcase_add_test(tests, what_has_become_shorter_is_an_error_there_too);
	tcase_add_test(tests, what_is_on_disk_is_not_waited_for);
	tcase_add_test(tests, too_many_segments_are_refused);
	return unit_run();
}
