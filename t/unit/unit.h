/*
 * unit: what all programs of unit tests share.  A program tests one module
 * and says so in TAP; each test runs in a process of its own.
 *
 *	TEST(an_empty_list_has_no_end)
 *	{
 *		ck_assert(...);
 *	}
 *
 * is all that a test takes: they run in the order of the file.
 */
#ifndef TINED_UNIT_H
#define TINED_UNIT_H

#include <check.h>

#include <stdint.h>

#include "base/buffer.h"
#include "base/text.h"

/* A test; TEST_TIMES runs it so many times, with nth from 0. */
#define TEST(name) TEST_TIMES(name, 1)
#define TEST_TIMES(name, times)                                                \
	static void name##_body(int nth);                                      \
	START_TEST(name)                                                       \
	{                                                                      \
		name##_body(_i);                                               \
	}                                                                      \
	END_TEST                                                               \
	__attribute__((                                                        \
	    constructor(UNIT_FIRST + __LINE__))) static void name##_add(void)  \
	{                                                                      \
		unit_add(name, times);                                         \
	}                                                                      \
	static void name##_body(__attribute__((unused)) int nth)

/* Priorities of constructors up to 100 are the C library's. */
#define UNIT_FIRST 1000

void unit_add(const TTest *test, int times);

/* Runs all tests: the exit status.  For a program with a main of its own. */
int unit_run(void);

/* A program may have these: they run before and after each test. */
void unit_set_up(void);
void unit_tear_down(void);

/* Numbers that look random and are the same in every run. */
uint32_t unit_random(void);
/* From 0 to below. */
size_t unit_random_below(size_t below);
/* Random bytes of an alphabet. */
void unit_random_bytes(char *to, size_t len, const char *alphabet);

/* Bytes as a person can read them, for the words of a failure. */
const char *unit_show(const char *bytes, size_t len);

/*
 * As ck_assert, which writes to a file each time that all is well: too slow
 * for millions of times.
 */
#define assert_quick(condition)                                                \
	do {                                                                   \
		if (!(condition))                                              \
			ck_abort_msg("not so: %s", #condition);                \
	} while (0)

#define assert_text_eq(given, literal)                                         \
	do {                                                                   \
		struct text got_ = (given);                                    \
		ck_assert_msg(text_equal(got_, TEXT(literal)),                 \
		    "%s is \"%s\", not %s", #given,                            \
		    unit_show(got_.at, got_.len), #literal);                   \
	} while (0)

#define assert_string_eq(buffer, literal)                                      \
	assert_text_eq(buffer_text(buffer), literal)

#endif
