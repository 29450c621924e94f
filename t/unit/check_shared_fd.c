#include <fcntl.h>
#include <unistd.h>

#include "os/shared_fd.h"
#include "unit.h"

static int
open_path(const char *path)
{
	int fd = open(path, O_PATH | O_CLOEXEC);

	ck_assert_int_ne(fd, -1);
	return fd;
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

TEST(one_inode_has_one_descriptor)
{
	int first = shared_fd_take(open_path("/")), again = open_path("/.");

	ck_assert_int_eq(shared_fd_take(again), first);
	ck_assert(!is_open(again));
	shared_fd_release(first);
	ck_assert(is_open(first)); /* one owner is left */
	shared_fd_release(first);
	ck_assert(!is_open(first));
}

TEST(another_inode_has_another)
{
	int root = shared_fd_take(open_path("/"));
	int null = shared_fd_take(open_path("/dev/null"));

	ck_assert_int_ne(root, null);
	shared_fd_release(root);
	ck_assert(!is_open(root) && is_open(null));
	shared_fd_release(null);
	ck_assert(!is_open(null));
}

TEST(one_that_is_not_shared_is_closed)
{
	int fd = open_path("/");

	shared_fd_release(fd);
	ck_assert(!is_open(fd));
}

TEST(what_is_forgotten_is_not_used)
{
	int first = shared_fd_take(open_path("/"));
	int second;

	close(first);
	shared_fd_forget_all();
	second = open_path("/");
	ck_assert_int_eq(shared_fd_take(second), second);
	ck_assert(is_open(second));
}
