#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/cgroup.h"
#include "unit.h"

static void
assert_place(
    const char *groups, const char *top, const char *file, const char *path)
{
	struct cgroup_place place;

	ck_assert(cgroup_locate(text_of(groups), &place));
	ck_assert_str_eq(place.top, top);
	ck_assert_str_eq(place.file, file);
	ck_assert(text_equal(place.path, text_of(path)));
}

TEST(version_2)
{
	assert_place("0::/system.slice/tined.service\n", "/sys/fs/cgroup",
	    "memory.max", "/system.slice/tined.service");
	assert_place(
	    "5:cpu:/a\n0::/d:e\n", "/sys/fs/cgroup", "memory.max", "/d:e");
}

TEST(version_1)
{
	assert_place("0::/d\n5:cpu:/a\n4:memory:/b/c\n",
	    "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "/b/c");
	assert_place("4:hugetlb,memory:/b:c\n0::/\n", "/sys/fs/cgroup/memory",
	    "memory.limit_in_bytes", "/b:c");
}

TEST(what_is_not_there_or_not_whole)
{
	const char *const texts[] = {
	    "", "\n", "0", "0:", "0::", ":::", "x y z", "5:cpu:/a", "0::a"};
	struct cgroup_place place;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert(!cgroup_locate(text_of(texts[i]), &place));
}

TEST(limits_are_numbers_or_none)
{
	ck_assert_uint_eq(cgroup_limit(TEXT("67108864\n")), 64 << 20);
	ck_assert_uint_eq(cgroup_limit(TEXT("0\n")), 0);
	ck_assert_uint_eq(cgroup_limit(TEXT("max\n")), CGROUP_UNLIMITED);
	ck_assert_uint_eq(
	    cgroup_limit(TEXT("9223372036854771712\n")), CGROUP_UNLIMITED);
	ck_assert_uint_eq(cgroup_limit(TEXT("")), CGROUP_UNLIMITED);
}

static void
spew(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	mkdir(dir, 0700);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static uint64_t
least_limit(const char *top, const char *path, const char *file)
{
	struct cgroup_place place = {top, file, text_of(path)};

	return cgroup_least_limit(&place);
}

TEST(the_least_limit_on_the_way_up_counts)
{
	char dir[] = "/tmp/check_cgroup-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
	spew("a", "memory.max", "50000000\n");
	spew("a/b", "memory.max", "max\n");
	spew("a/b/c", "memory.max", "70000000\n");
	spew("a/b/c/d", "other", "10\n");
	ck_assert_uint_eq(least_limit("a", "/b/c", "memory.max"), 50000000);
	ck_assert_uint_eq(least_limit("a", "/", "memory.max"), 50000000);
	/* Nothing above the mount point counts. */
	ck_assert_uint_eq(least_limit("a/b", "/c", "memory.max"), 70000000);
	ck_assert_uint_eq(least_limit("a/b", "/c/d", "memory.max"), 70000000);
	ck_assert_uint_eq(
	    least_limit("a/b", "/", "memory.max"), CGROUP_UNLIMITED);
	ck_assert_uint_eq(
	    least_limit("a/b", "/../b/c", "memory.max"), CGROUP_UNLIMITED);
	ck_assert_uint_eq(least_limit("a/b", "/c/d", "other"), 10);
	/* The path that a container's group has on the host. */
	ck_assert_uint_eq(
	    least_limit("a/b/c", "/docker/1f", "memory.max"), 70000000);
	ck_assert_int_eq(system("rm -r a; rmdir \"$PWD\""), 0);
}
