#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/deferred.h"
#include "unit.h"

static struct deferred deferred;
static int ends[2];
static int file;
static char received[64];
static size_t len;

void
unit_set_up(void)
{
	char name[] = "/tmp/tined-rest-XXXXXX";

	deferred_init(&deferred);
	len = 0;
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	file = mkstemp(name);
	ck_assert_int_ne(file, -1);
	unlink(name);
	ck_assert_int_eq(write(file, "0123456789", 10), 10);
}

void
unit_tear_down(void)
{
	deferred_release(&deferred);
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
	while (deferred_length(&deferred) > 0)
		ck_assert_int_gt(deferred_send(&deferred, ends[0], step), 0);
	receive();
}

TEST_TIMES(bytes_and_regions_keep_their_order, 2)
{
	ck_assert_int_eq(deferred_add_bytes(&deferred, "head", 4), 0);
	ck_assert_int_eq(deferred_add_bytes(&deferred, "|", 1), 0);
	ck_assert_int_eq(deferred_add_file(&deferred, file, 2, 3), 0);
	ck_assert_int_eq(deferred_add_bytes(&deferred, "|tail", 5), 0);
	ck_assert_int_eq(deferred_add_file(&deferred, file, 0, 1), 0);
	ck_assert_uint_eq(deferred.count, 4);
	ck_assert_uint_eq(deferred.spilled, 10);
	ck_assert_uint_eq(deferred_length(&deferred), 14);
	send_all(nth == 0 ? 1 : 1000);
	ck_assert_str_eq(received, "head|234|tail0");
	ck_assert_int_eq(deferred_send(&deferred, ends[0], 1), 0);
}

TEST(the_files_of_the_caller_stay_open)
{
	ck_assert_int_eq(deferred_add_file(&deferred, file, 0, 10), 0);
	ck_assert_int_ne(deferred.file, file);
	deferred_release(&deferred);
	ck_assert_int_eq(deferred.file, -1);
	ck_assert_int_eq(lseek(file, 0, SEEK_END), 10);
}

TEST(a_file_that_became_shorter_is_an_error)
{
	ck_assert_int_eq(deferred_add_file(&deferred, file, 5, 10), 0);
	ck_assert_int_eq(deferred_send(&deferred, ends[0], 1000), 5);
	ck_assert_int_eq(deferred_send(&deferred, ends[0], 1000), -1);
	ck_assert_int_eq(errno, DEFERRED_FILE_ENDED);
}

TEST(a_full_socket_is_told)
{
	static char much[1 << 20];

	ck_assert_int_eq(deferred_add_bytes(&deferred, much, sizeof(much)), 0);
	while (deferred_send(&deferred, ends[0], 1 << 16) > 0)
		continue;
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_uint_gt(deferred_length(&deferred), 0);
	receive();
	ck_assert_uint_gt(len, 0);
}

static ssize_t
send_cached(size_t max)
{
	char buffer[4];

	return deferred_send_cached(
	    &deferred, ends[0], max, buffer, sizeof(buffer));
}

/* A file system that cannot tell might make the process wait. */
TEST(what_is_in_memory_is_sent_without_waiting)
{
	ck_assert_int_eq(deferred_add_bytes(&deferred, "head|", 5), 0);
	ck_assert_int_eq(deferred_add_file(&deferred, file, 2, 6), 0);
	ck_assert_int_eq(send_cached(100), 4); /* by way of the buffer */
	ck_assert_int_eq(send_cached(100), 1);
	if (send_cached(100) == -1) {
		ck_assert_int_eq(errno, DEFERRED_IS_ON_DISK);
		ck_assert_uint_eq(deferred_length(&deferred), 6);
		ck_assert_int_eq(deferred_send(&deferred, ends[0], 4), 4);
	}
	ck_assert_uint_eq(deferred_next(&deferred), 2);
	send_all(100);
	ck_assert_str_eq(received, "head|234567");
	ck_assert_int_eq(send_cached(100), 0);
}

TEST(what_has_become_shorter_is_an_error_there_too)
{
	ck_assert_int_eq(deferred_add_file(&deferred, file, 12, 10), 0);
	ck_assert_int_eq(send_cached(100), -1);
	ck_assert(errno == DEFERRED_FILE_ENDED || errno == DEFERRED_IS_ON_DISK);
}

/* A disk that is asked again has it by then, and so has one that is quick. */
TEST(what_is_on_disk_is_not_waited_for)
{
	static char much[1 << 20];
	ssize_t n;

	ck_assert_int_eq(pwrite(file, much, sizeof(much), 0), sizeof(much));
	ck_assert_int_eq(fdatasync(file), 0);
	ck_assert_int_eq(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED), 0);
	ck_assert_int_eq(
	    deferred_add_file(&deferred, file, 0, sizeof(much)), 0);
	n = send_cached(100);
	ck_assert(n > 0 || errno == DEFERRED_IS_ON_DISK);
	ck_assert_uint_eq(
	    deferred_length(&deferred), sizeof(much) - (n > 0 ? (size_t)n : 0));
}

TEST(too_many_segments_are_refused)
{
	for (int i = 0; i < DEFERRED_SEGMENTS_MAX; i++)
		ck_assert_int_eq(
		    deferred_add_file(&deferred, file, i % 2 == 0 ? 0 : 5, 1),
		    0);
	ck_assert_int_eq(deferred_add_file(&deferred, file, 0, 1), -1);
	ck_assert_int_eq(errno, ENOBUFS);
	ck_assert_uint_eq(deferred_length(&deferred), DEFERRED_SEGMENTS_MAX);
}
