#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "unit.h"

#define SIZE (MEMORY_KEPT * 6)
#define BESIDE 'b'

static char *around, *buffer;

static void
set_up(void)
{
	around = memory_get(SIZE + 2);
	buffer = around + 1; /* on no page's border */
	memset(around, BESIDE, SIZE + 2);
	memset(buffer, 'x', SIZE);
}

static void
tear_down(void)
{
	free(around);
}

START_TEST(little_is_left_as_it_is)
{
	size_t used = MEMORY_KEPT;

	ck_assert(!memory_forget(buffer, &used));
	ck_assert_uint_eq(used, MEMORY_KEPT);
	ck_assert_int_eq(buffer[MEMORY_KEPT - 1], 'x');
}
END_TEST

START_TEST(what_is_behind_goes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), used = SIZE;

	ck_assert(memory_forget(buffer, &used));
	ck_assert_uint_eq(used, 0);
	ck_assert_int_eq(buffer[MEMORY_KEPT - 1], 'x');
	for (size_t i = MEMORY_KEPT + page; i < SIZE - page; i++)
		assert_quick(buffer[i] == 0);
}
END_TEST

START_TEST(what_is_beside_it_stays)
{
	size_t used = SIZE;

	ck_assert(memory_forget(buffer, &used));
	ck_assert_int_eq(around[0], BESIDE);
	ck_assert_int_eq(around[SIZE + 1], BESIDE);
}
END_TEST

int
main(void)
{
	TCase *tests = unit_tests("memory");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, little_is_left_as_it_is);
	tcase_add_test(tests, what_is_behind_goes);
	tcase_add_test(tests, what_is_beside_it_stays);
	return unit_run();
}
