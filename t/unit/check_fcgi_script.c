#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "handlers/fcgi_script.h"
#include "unit.h"

static char root[] = "/tmp/check_fcgi_script-XXXXXX";
static struct fcgi_scripts scripts;
static struct fcgi_script found;

static void
make_file(const char *name)
{
	int fd = openat(scripts.directory.fd, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	ck_assert_int_ne(fd, -1);
	close(fd);
}

static void
make_directory(const char *name)
{
	ck_assert_int_eq(mkdirat(scripts.directory.fd, name, 0755), 0);
}

static void
make_link(const char *to, const char *name)
{
	ck_assert_int_eq(symlinkat(to, scripts.directory.fd, name), 0);
}

void
unit_set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(root));
	ck_assert_int_eq(directory_open(&scripts.directory, root, false), 0);
	scripts.ending = ".php";
	scripts.index = "index.php";
	make_file("index.php");
	make_file("a.php");
	make_file("picture.jpg");
	make_directory("sub");
	make_file("sub/index.php");
	make_file("sub/b.php");
	make_directory("none");
	make_directory("dir.php");
	make_file("dir.php/c.php");
	make_directory(".hidden");
	make_file(".hidden/d.php");
	make_link("a.php", "link.php");
	make_link("/etc/passwd", "out.php");
	make_link("/etc", "etc");
	ck_assert_int_eq(mkfifoat(scripts.directory.fd, "fifo.php", 0644), 0);
}

void
unit_tear_down(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	ck_assert_int_eq(system(command), 0);
	directory_close(&scripts.directory);
	buffer_free(&found.name);
}

static int
find(const char *path)
{
	return fcgi_script_find(&scripts, text_of(path), &found);
}

#define assert_found(path, script, rest)                                       \
	do {                                                                   \
		ck_assert_int_eq(find(path), 0);                               \
		assert_string_eq(&found.name, script);                         \
		assert_text_eq(found.info, rest);                              \
	} while (0)

TEST(scripts_by_their_ending)
{
	assert_found("/a.php", "/a.php", "");
	assert_found("/a.php/", "/a.php", "/");
	assert_found("/a.php/b/c.php", "/a.php", "/b/c.php");
	assert_found("/a.php/.x", "/a.php", "/.x");
	assert_found("/sub/b.php/x", "/sub/b.php", "/x");
	assert_found("/link.php", "/link.php", "");
	assert_found("/dir.php/c.php/x", "/dir.php/c.php", "/x");
}

TEST(indexes)
{
	assert_found("/", "/index.php", "");
	assert_found("/sub/", "/sub/index.php", "");
	ck_assert_int_eq(find(""), 301);
	ck_assert_int_eq(find("/sub"), 301);
	ck_assert_int_eq(find("/dir.php"), 301);
	ck_assert_int_eq(find("/none"), 301);
	ck_assert_int_eq(find("/none/"), 404);
	scripts.index = "sub";
	ck_assert_int_eq(find("/"), 404);
}

TEST(what_is_no_script)
{
	ck_assert_int_eq(find("/missing.php"), 404);
	ck_assert_int_eq(find("/missing.php/a.php"), 404);
	ck_assert_int_eq(find("/missing/a.php"), 404);
	ck_assert_int_eq(find("/missing/"), 404);
	ck_assert_int_eq(find("/picture.jpg"), 404);
	ck_assert_int_eq(find("/picture.jpg/"), 404);
	ck_assert_int_eq(find("/picture.jpg/x.php"), 404);
	ck_assert_int_eq(find("/fifo.php"), 404);
	ck_assert_int_eq(find("/.php"), 404);
	ck_assert_int_eq(find("/.hidden/d.php"), 404);
	ck_assert_int_eq(find("/sub/.x/b.php"), 404);
}

TEST(all_files_are_scripts)
{
	scripts.ending = "";
	assert_found("/picture.jpg", "/picture.jpg", "");
	assert_found("/picture.jpg/x.php", "/picture.jpg", "/x.php");
	assert_found("/sub/b.php/x/y", "/sub/b.php", "/x/y");
	assert_found("/sub/", "/sub/index.php", "");
	ck_assert_int_eq(find("/sub"), 301);
	ck_assert_int_eq(find("/missing"), 404);
	ck_assert_int_eq(find("/sub/missing/b.php"), 404);
	ck_assert_int_eq(find("/.hidden/d.php"), 404);
	ck_assert_int_eq(find("/fifo.php"), 404);
}

TEST(links_that_lead_out)
{
	ck_assert_int_eq(find("/out.php"), 403);
	ck_assert_int_eq(find("/etc/a.php"), 403);
	ck_assert_int_eq(find("/etc/"), 403);
	scripts.directory.follow = true;
	assert_found("/out.php/x", "/out.php", "/x");
	ck_assert_int_eq(find("/etc"), 301);
	ck_assert_int_eq(find("/etc/missing.php"), 404);
}

TEST(a_path_that_is_too_long)
{
	static char path[5000];

	for (size_t i = 0; i < sizeof(path) - 1; i++)
		path[i] = i % 2 == 0 ? '/' : 'a';
	ck_assert_int_eq(find(path), 404);
	for (size_t i = 1; i < 1000; i++)
		path[i] = 'a';
	path[1000] = '\0';
	ck_assert_int_eq(find(path), 404);
}

TEST(a_directory_that_was_removed)
{
	char empty[] = "/tmp/check_fcgi_script-XXXXXX";
	struct fcgi_scripts gone = scripts;

	ck_assert_ptr_nonnull(mkdtemp(empty));
	ck_assert_int_eq(directory_open(&gone.directory, empty, false), 0);
	ck_assert_int_eq(fcgi_script_find(&gone, TEXT("/a.php"), &found), 404);
	ck_assert_int_eq(rmdir(empty), 0);
	ck_assert_int_eq(fcgi_script_find(&gone, TEXT("/a.php"), &found), 503);
	directory_close(&gone.directory);
}
