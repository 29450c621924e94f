#include <errno.h>
#include <stdlib.h>

#include "base/escape.h"
#include "unit.h"

/* Sanitizers are slow, and so are machines that do other work too. */
#define TIMEOUT_SECONDS 120
#define SHOWN_MAX 400

static TCase *tests;

__attribute__((weak)) void
unit_set_up(void)
{
}

__attribute__((weak)) void
unit_tear_down(void)
{
}

void
unit_add(const TTest *test, int times)
{
	if (tests == NULL)
		tests = tcase_create(program_invocation_short_name);
	tcase_add_loop_test(tests, test, 0, times);
}

int
unit_run(void)
{
	Suite *suite = suite_create(program_invocation_short_name);
	SRunner *runner;
	int failed;

	tcase_set_timeout(tests, TIMEOUT_SECONDS);
	tcase_add_checked_fixture(tests, unit_set_up, unit_tear_down);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

__attribute__((weak)) int
main(void)
{
	return unit_run();
}

/* Knuth's MMIX generator; the high bits are the good ones. */
uint32_t
unit_random(void)
{
	static uint64_t state = 1;

	state = state * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return (uint32_t)(state >> 32);
}

size_t
unit_random_below(size_t below)
{
	return unit_random() % below;
}

void
unit_random_bytes(char *to, size_t len, const char *alphabet)
{
	size_t letters = text_of(alphabet).len;

	for (size_t i = 0; i < len; i++)
		to[i] = alphabet[unit_random_below(letters)];
}

const char *
unit_show(const char *bytes, size_t len)
{
	static struct buffer shown;

	buffer_clear(&shown);
	escape_log(&shown, (struct text){bytes, len}, SHOWN_MAX);
	return buffer_string(&shown);
}
