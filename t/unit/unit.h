/*
 * unit: what all programs of unit tests share.  A program tests one module
 * and says so in TAP; each test runs in a process of its own.
 */
#ifndef TINED_UNIT_H
#define TINED_UNIT_H

#include <check.h>

#include <stdint.h>

#include "base/buffer.h"
#include "base/text.h"

/* Where the tests of a module are added. */
TCase *unit_tests(const char *module);
/* Runs them: the exit status. */
int unit_run(void);

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
