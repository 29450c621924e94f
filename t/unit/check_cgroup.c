#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/cgroup.h"
#include "unit.h"

static struct cgroup_place place;

static void
tear_down(void)
{
	buffer_free(&place.dir);
}

static void
assert_place(const char *groups, const char *mounts, const char *dir,
    const char *below, bool first)
{
	ck_assert(cgroup_locate(text_of(groups), text_of(mounts), &place));
	ck_assert_int_eq(place.first, first);
	ck_assert_str_eq(buffer_string(&place.dir) + place.top, below);
	place.dir.len = place.top;
	ck_assert_str_eq(buffer_string(&place.dir), dir);
}

START_TEST(version_2)
{
	static const char mount[] =
	    "22 1 0:2 / / rw - ext4 /dev/sda rw\n"
	    "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 "
	    "rw,nsdelegate\n";

	assert_place("0::/system.slice/tined.service\n", mount,
	    "/sys/fs/cgroup", "/system.slice/tined.service", false);
	assert_place("0::/\n", mount, "/sys/fs/cgroup", "", false);
	assert_place("0::/../other\n", mount, "/sys/fs/cgroup", "", false);
}
END_TEST

START_TEST(version_1)
{
	static const char mounts[] =
	    "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
	    "35 31 0:32 / /sys/fs/cgroup/memory rw shared:1 master:2 - cgroup "
	    "cgroup rw,memory\n"
	    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

	assert_place("5:cpu:/a\n4:memory:/b/c\n0::/d\n", mounts,
	    "/sys/fs/cgroup/memory", "/b/c", true);
	assert_place("4:hugetlb,memory:/b:c\n0::/\n", mounts,
	    "/sys/fs/cgroup/memory", "/b:c", true);
	/* Memory is in the second, then. */
	assert_place(
	    "5:cpu:/a\n0::/d\n", mounts, "/sys/fs/cgroup/unified", "/d", false);
}
END_TEST

START_TEST(a_part_of_the_hierarchy_is_mounted)
{
	static const char mounts[] =
	    "35 31 0:32 /docker/1f /sys/fs/cgroup/memory rw - cgroup cgroup "
	    "rw,memory\n";

	assert_place(
	    "4:memory:/docker/1f\n", mounts, "/sys/fs/cgroup/memory", "", true);
	assert_place("4:memory:/docker/1f/a\n", mounts, "/sys/fs/cgroup/memory",
	    "/a", true);
	assert_place("4:memory:/docker/1ff\n", mounts, "/sys/fs/cgroup/memory",
	    "", true);
	assert_place(
	    "4:memory:/other\n", mounts, "/sys/fs/cgroup/memory", "", true);
}
END_TEST

START_TEST(blanks_in_a_mount_point)
{
	assert_place("0::/a b\n",
	    "30 23 0:26 / /my\\040cgroups\\134 rw - cgroup2 cgroup2 rw\n",
	    "/my cgroups\\", "/a b", false);
}
END_TEST

START_TEST(what_is_not_there_or_not_whole)
{
	static const char mount[] = "30 2 0:26 / /cg rw - cgroup2 cgroup2 rw\n";
	const char *const texts[] = {"", "\n", "0", "0:", "0::", ":::", "x y z",
	    "30 2 0:26 / /cg rw", "30 2 0:26 / /cg rw -", "- - - - - - -"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ck_assert(
		    !cgroup_locate(text_of(texts[i]), text_of(mount), &place));
		ck_assert(
		    !cgroup_locate(TEXT("0::/a\n"), text_of(texts[i]), &place));
	}
}
END_TEST

START_TEST(limits_are_numbers_or_none)
{
	ck_assert_uint_eq(cgroup_limit(TEXT("67108864\n")), 64 << 20);
	ck_assert_uint_eq(cgroup_limit(TEXT("0\n")), 0);
	ck_assert_uint_eq(cgroup_limit(TEXT("max\n")), CGROUP_UNLIMITED);
	ck_assert_uint_eq(
	    cgroup_limit(TEXT("9223372036854771712\n")), CGROUP_UNLIMITED);
	ck_assert_uint_eq(cgroup_limit(TEXT("")), CGROUP_UNLIMITED);
}
END_TEST

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

START_TEST(the_least_limit_on_the_way_up_counts)
{
	char dir[] = "/tmp/check_cgroup-XXXXXX";

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
	spew("a", "memory.max", "50000000\n");
	spew("a/b", "memory.max", "max\n");
	spew("a/b/c", "memory.max", "70000000\n");
	spew("a/b/c/d", "memory.limit_in_bytes", "10\n");
	buffer_add_string(&place.dir, "a/b/c");
	place.top = 1;
	ck_assert_uint_eq(cgroup_least_limit(&place), 50000000);
	place.top = 3; /* nothing above the mount point */
	ck_assert_uint_eq(cgroup_least_limit(&place), 70000000);
	buffer_add_string(&place.dir, "/d");
	ck_assert_uint_eq(cgroup_least_limit(&place), 70000000);
	place.first = true;
	ck_assert_uint_eq(cgroup_least_limit(&place), 10);
	place.dir.len = 3;
	ck_assert_uint_eq(cgroup_least_limit(&place), CGROUP_UNLIMITED);
	ck_assert_int_eq(system("rm -r a; rmdir \"$PWD\""), 0);
}
END_TEST

int
main(void)
{
	TCase *tests = unit_tests("cgroup");

	tcase_add_checked_fixture(tests, NULL, tear_down);
	tcase_add_test(tests, version_2);
	tcase_add_test(tests, version_1);
	tcase_add_test(tests, a_part_of_the_hierarchy_is_mounted);
	tcase_add_test(tests, blanks_in_a_mount_point);
	tcase_add_test(tests, what_is_not_there_or_not_whole);
	tcase_add_test(tests, limits_are_numbers_or_none);
	tcase_add_test(tests, the_least_limit_on_the_way_up_counts);
	return unit_run();
}
