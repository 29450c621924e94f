#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "descriptors.h"
#include "shared/notice.h"
#include "unit.h"

static struct notice_box control;

void
unit_set_up(void)
{
	ck_assert_int_eq(notice_box_open(&control), 0);
}

void
unit_tear_down(void)
{
	close(control.from);
	close(control.to);
}

static void
post(unsigned number, int access_log, int error_log)
{
	const struct notice n = {
	    .number = number,
	    .fds =
		{
		    [NOTICE_BOX_ACCESS_LOG] = access_log,
		    [NOTICE_BOX_ERROR_LOG] = error_log,
		},
	};

	ck_assert_int_eq(notice_box_post(&control, &n), 0);
}

TEST(each_reader_has_descriptors_of_its_own)
{
	int null = open("/dev/null", O_WRONLY);
	int full = open("/dev/full", O_WRONLY);
	struct notice n;

	post(7, null, full);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(notice_box_read(&control, &n), 0);
		ck_assert_uint_eq(n.number, 7);
		ck_assert_int_ne(n.fds[NOTICE_BOX_ACCESS_LOG], null);
		ck_assert_uint_eq(
		    descriptors_file(n.fds[NOTICE_BOX_ACCESS_LOG]),
		    descriptors_file(null));
		ck_assert_uint_eq(descriptors_file(n.fds[NOTICE_BOX_ERROR_LOG]),
		    descriptors_file(full));
		ck_assert_int_eq(
		    fcntl(n.fds[NOTICE_BOX_ERROR_LOG], F_GETFD), FD_CLOEXEC);
	}
}

TEST(a_notice_need_not_have_all_or_any)
{
	struct notice n;

	post(1, -1, STDERR_FILENO);
	ck_assert_int_eq(notice_box_read(&control, &n), 0);
	ck_assert_int_eq(n.fds[NOTICE_BOX_ACCESS_LOG], -1);
	ck_assert_uint_eq(descriptors_file(n.fds[NOTICE_BOX_ERROR_LOG]),
	    descriptors_file(STDERR_FILENO));
	post(2, -1, -1);
	ck_assert_int_eq(notice_box_read(&control, &n), 0);
	ck_assert_uint_eq(n.number, 2);
	ck_assert_int_eq(n.fds[NOTICE_BOX_ERROR_LOG], -1);
}

TEST(a_notice_takes_the_place_of_the_one_before)
{
	struct notice n;
	int before = descriptors_count();

	for (unsigned i = 1; i <= 100; i++)
		post(i, STDOUT_FILENO, STDERR_FILENO);
	ck_assert_int_eq(notice_box_read(&control, &n), 0);
	ck_assert_uint_eq(n.number, 100);
	ck_assert_int_eq(descriptors_count(), before + 2);
}

TEST(without_a_notice_it_does_not_block)
{
	struct notice n;

	ck_assert_int_eq(notice_box_read(&control, &n), -1);
	ck_assert_int_eq(errno, EAGAIN);
}

TEST(without_free_descriptors_none_leaks_and_it_can_be_read_later)
{
	struct rlimit limit, low;
	struct notice n;
	int before = descriptors_count();

	post(3, STDOUT_FILENO, STDERR_FILENO);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = (rlim_t)dup(STDIN_FILENO) + 1; /* for one of them */
	close((int)low.rlim_cur - 1);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	ck_assert_int_eq(notice_box_read(&control, &n), -1);
	ck_assert_int_eq(errno, EMFILE);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(descriptors_count(), before);
	ck_assert_int_eq(notice_box_read(&control, &n), 0);
	ck_assert_uint_eq(n.number, 3);
}
