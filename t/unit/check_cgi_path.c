#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "guard.h"
#include "handlers/cgi_path.h"
#include "unit.h"

static char folder[] = "/tmp/cgi-path-XXXXXX";
static struct directory directory;
static struct cgi_path found;

static void
make(const char *name, mode_t mode)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static void
make_directory(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	ck_assert_int_eq(mkdir(path, 0755), 0);
}

static void
make_link(const char *name, const char *target)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	ck_assert_int_eq(symlink(target, path), 0);
}

void
unit_set_up(void)
{
	char path[64];

	ck_assert_ptr_nonnull(mkdtemp(folder));
	make_directory("in");
	make_directory("in/sub");
	make_directory("in/.dot");
	make("in/a", 0755);
	make("in/plain", 0644);
	make("in/sub/b", 0700);
	make("in/.hidden", 0755);
	make("in/.dot/c", 0755);
	make("outside", 0755);
	make_link("in/link", "sub/b");
	make_link("in/out", "../outside");
	make_link("in/nowhere", "none");
	snprintf(path, sizeof(path), "%s/in", folder);
	ck_assert_int_eq(directory_open(&directory, path, false), 0);
}

void
unit_tear_down(void)
{
	char command[64];

	directory_close(&directory);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}

static int
find(const char *path)
{
	return cgi_path_find(&directory, guard_text(text_of(path)), &found);
}

TEST(the_first_that_is_no_directory_is_the_program)
{
	ck_assert_int_eq(find("/a"), 0);
	assert_text_eq(found.program, "/a");
	assert_text_eq(found.info, "");
	ck_assert_int_eq(find("/a/"), 0);
	assert_text_eq(found.info, "/");
	ck_assert_int_eq(find("/a/sub/b"), 0);
	assert_text_eq(found.program, "/a");
	assert_text_eq(found.info, "/sub/b");
	ck_assert_int_eq(find("/sub/b/.x/y"), 0);
	assert_text_eq(found.program, "/sub/b");
	assert_text_eq(found.info, "/.x/y");
	ck_assert_int_eq(find("/link/c"), 0);
	assert_text_eq(found.program, "/link");
}

TEST(there_is_none)
{
	static const char *const paths[] = {"", "/", "/none", "/none/a", "/sub",
	    "/sub/", "/sub/none", "//a", "/.hidden", "/.dot/c", "/../outside",
	    "/sub/../a", "/.", "/nowhere"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		ck_assert_int_eq(find(paths[i]), 404);
}

TEST(what_is_not_run)
{
	ck_assert_int_eq(find("/plain"), 403);
	ck_assert_int_eq(find("/plain/a"), 403);
	ck_assert_int_eq(find("/out"), 403);
}

TEST(a_path_that_is_too_long)
{
	static char path[8192];

	path[0] = '/';
	for (size_t i = 1; i < sizeof(path) - 1; i++)
		path[i] = i % 2 == 0 ? '/' : 'a';
	ck_assert_int_eq(find(path), 404);
}
