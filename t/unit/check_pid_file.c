#include <sys/file.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/pid_file.h"
#include "unit.h"

static char folder[64];
static char path[128];

void
unit_set_up(void)
{
	snprintf(folder, sizeof(folder), "/tmp/tined-check-pid-file-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/pid", folder);
}

void
unit_tear_down(void)
{
	unlink(path);
	rmdir(folder);
}

static int
number_in_it(void)
{
	FILE *f = fopen(path, "re");
	int number = -1;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%d", &number), 1);
	fclose(f);
	return number;
}

TEST(it_has_our_number_and_is_removed)
{
	pid_t other;

	ck_assert_int_eq(pid_file_open(path, &other), 0);
	ck_assert_int_ne(pid_file_fd(), -1);
	ck_assert_int_eq(pid_file_write(), 0);
	ck_assert_int_eq(number_in_it(), getpid());
	pid_file_remove();
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert_int_eq(pid_file_fd(), -1);
}

static int
open_with(const char *content)
{
	pid_t other;
	FILE *f = fopen(path, "we");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ne(fputs(content, f), EOF);
	fclose(f);
	return pid_file_open(path, &other);
}

TEST(a_file_with_other_content_stays_as_it_is)
{
	char content[16] = "";
	FILE *f;

	ck_assert_int_eq(open_with("my notes\n"), -1);
	ck_assert_int_eq(errno, ENOTUNIQ);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(fgets(content, sizeof(content), f));
	fclose(f);
	ck_assert_str_eq(content, "my notes\n");
	ck_assert_int_eq(open_with("123456\n"), 0);
	pid_file_close();
	ck_assert_int_eq(open_with(""), 0);
	pid_file_close();
}

TEST(without_one_all_is_well)
{
	ck_assert_int_eq(pid_file_fd(), -1);
	ck_assert_int_eq(pid_file_write(), 0);
	pid_file_close();
	pid_file_remove();
}

/* As across an exec: the same open file, and so the same lock. */
TEST(a_successor_has_the_lock_and_a_shorter_number_fits)
{
	pid_t other = 0;
	int fd;

	ck_assert_int_eq(pid_file_open(path, &other), 0);
	ck_assert_int_eq(pid_file_write(), 0);
	fd = dup(pid_file_fd());
	pid_file_close();
	ck_assert_int_eq(pwrite(fd, "1234567890", 10, 0), 10);
	pid_file_inherit(path, fd);
	ck_assert_int_eq(pid_file_fd(), fd);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(pid_file_write(), 0);
	ck_assert_int_eq(number_in_it(), getpid());
	ck_assert_int_eq(pid_file_open(path, &other), -1);
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_int_eq(other, getpid());
	pid_file_remove();
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert_int_eq(pid_file_fd(), -1);
}

/* As across an exec, when somebody has removed the file. */
static void
inherit_removed(void)
{
	pid_t other;
	int fd;

	ck_assert_int_eq(pid_file_open(path, &other), 0);
	ck_assert_int_eq(pid_file_write(), 0);
	fd = dup(pid_file_fd());
	pid_file_close();
	ck_assert_int_eq(unlink(path), 0);
	pid_file_inherit(path, fd);
	ck_assert_int_eq(access(path, F_OK), -1);
}

TEST(one_that_was_removed_is_made_again_with_a_lock)
{
	int lock;

	inherit_removed();
	ck_assert_int_eq(pid_file_write(), 0);
	ck_assert_int_eq(number_in_it(), getpid());
	lock = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(flock(lock, LOCK_EX | LOCK_NB), -1);
	close(lock);
	pid_file_remove();
	ck_assert_int_eq(access(path, F_OK), -1);
}

TEST(anothers_file_is_not_written)
{
	char was[8] = "";
	int fd;

	inherit_removed();
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_eq(write(fd, "12", 2), 2);
	ck_assert_int_eq(pid_file_write(), 0);
	ck_assert_int_eq(pread(fd, was, sizeof(was), 0), 2);
	ck_assert_str_eq(was, "12");
	close(fd);
	pid_file_remove();
	ck_assert_int_eq(access(path, F_OK), 0);
}

TEST(anothers_file_is_not_removed)
{
	pid_t other;
	int fd;

	ck_assert_int_eq(pid_file_open(path, &other), 0);
	fd = dup(pid_file_fd());
	pid_file_close();
	pid_file_inherit(path, fd);
	ck_assert_int_eq(unlink(path), 0);
	close(open(path, O_WRONLY | O_CREAT, 0600));
	pid_file_remove();
	ck_assert_int_eq(access(path, F_OK), 0);
}
