#include <sys/mman.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "handlers/cgi_interpreter.h"
#include "unit.h"

static struct cgi_interpreter found;

static void
find(const char *bytes, size_t len)
{
	int fd = memfd_create("program", MFD_CLOEXEC);

	ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
	cgi_interpreter_find(fd, &found);
	close(fd);
}

static void
assert_found(const char *script, const char *path, const char *name)
{
	find(script, strlen(script));
	ck_assert_str_eq(found.path, path);
	ck_assert_str_eq(found.name, name);
}

TEST(of_scripts)
{
	assert_found("#!/bin/sh\necho\n", "/bin/sh", "");
	assert_found("#! /bin/sh -e\n", "/bin/sh", "");
	assert_found("#!/bin/sh", "/bin/sh", "");
	assert_found("#!/usr/bin/env perl\n", "/usr/bin/env", "perl");
	assert_found("#!/usr/bin/env -S a=b perl -w\n", "/usr/bin/env", "perl");
	assert_found("#!/usr/bin/env\n", "/usr/bin/env", "");
	assert_found("#!\n", "", "");
	assert_found("#!", "", "");
}

TEST(of_what_is_no_program)
{
	assert_found("", "", "");
	assert_found("hello", "", "");
	assert_found("# !/bin/sh", "", "");
}

TEST(a_path_that_is_too_long)
{
	char script[CGI_INTERPRETER_MAX + 10];

	memset(script, 'x', sizeof(script));
	memcpy(script, "#!/", 3);
	find(script, sizeof(script));
	ck_assert_str_eq(found.path, "");
}

/* This one has a loader, unless it is static. */
TEST(the_loader)
{
	char head[CGI_INTERPRETER_HEAD];
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	ssize_t len = read(fd, head, sizeof(head));

	cgi_interpreter_find(fd, &found);
	close(fd);
	ck_assert_msg(strstr(found.path, "/ld") != NULL, "%s", found.path);
	/* However it is cut off, nothing is read outside. */
	for (size_t n = 0; n < (size_t)len; n++)
		find(head, n);
	for (int i = 0; i < 2000; i++) {
		char changed[CGI_INTERPRETER_HEAD];

		memcpy(changed, head, (size_t)len);
		for (int k = 0; k < 4; k++)
			changed[4 + unit_random_below(600)] =
			    (char)unit_random();
		find(changed, (size_t)len);
	}
}
