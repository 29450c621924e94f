#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "base/memory.h"
#include "unit.h"

#define SIZE (MEMORY_KEPT * 6)
#define BESIDE 'b'

static char *around, *buffer;

void
unit_set_up(void)
{
	around = memory_get(SIZE + 2);
	buffer = around + 1; /* on no page's border */
	memset(around, BESIDE, SIZE + 2);
	memset(buffer, 'x', SIZE);
}

void
unit_tear_down(void)
{
	free(around);
}

TEST(little_is_left_as_it_is)
{
	size_t used = MEMORY_KEPT;

	ck_assert(!memory_forget(buffer, &used));
	ck_assert_uint_eq(used, MEMORY_KEPT);
	ck_assert_int_eq(buffer[MEMORY_KEPT - 1], 'x');
}

TEST(what_is_behind_goes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), used = SIZE;

	ck_assert(memory_forget(buffer, &used));
	ck_assert_uint_eq(used, 0);
	ck_assert_int_eq(buffer[MEMORY_KEPT - 1], 'x');
	for (size_t i = MEMORY_KEPT + page; i < SIZE - page; i++)
		assert_quick(buffer[i] == 0);
}

TEST(what_is_beside_it_stays)
{
	size_t used = SIZE;

	ck_assert(memory_forget(buffer, &used));
	ck_assert_int_eq(around[0], BESIDE);
	ck_assert_int_eq(around[SIZE + 1], BESIDE);
}

TEST(an_array_moves_a_few_times_while_it_grows)
{
	size_t *all = NULL, moved = 0;

	for (size_t count = 0; count < 1000; count++) {
		size_t *grown = memory_grow(all, count, sizeof(all[0]));

		moved += grown != all;
		all = grown;
		all[count] = count;
	}
	for (size_t i = 0; i < 1000; i++)
		assert_quick(all[i] == i);
	ck_assert_uint_le(moved, 11);
	free(all);
}

__attribute__((format(printf, 1, 2))) static char *
print(const char *format, ...)
{
	va_list args;
	char *s;

	va_start(args, format);
	s = memory_vprintf(format, args);
	va_end(args);
	return s;
}

TEST(what_cannot_be_printed_is_its_format)
{
	const wchar_t beyond[] = {0x7fffffff, 0}; /* no character */
	char *s = print("%d and %s", 3, "four");

	ck_assert_str_eq(s, "3 and four");
	free(s);
	s = print("bad: %ls", beyond);
	ck_assert_str_eq(s, "bad: %ls");
	free(s);
}
