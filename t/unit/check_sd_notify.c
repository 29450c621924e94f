#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "os/sd_notify.h"
#include "unit.h"

static int64_t
interval(const char *usec, const char *pid)
{
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	if (usec != NULL)
		setenv("WATCHDOG_USEC", usec, 1);
	if (pid != NULL)
		setenv("WATCHDOG_PID", pid, 1);
	return sd_notify_watchdog_interval();
}

TEST(the_watchdog_is_heard_twice_in_its_time)
{
	char self[24];

	snprintf(self, sizeof(self), "%d", (int)getpid());
	ck_assert_int_eq(interval("30000000", NULL), 15 * CLOCK_SECOND);
	ck_assert_int_eq(interval("30000000", self), 15 * CLOCK_SECOND);
	ck_assert_int_eq(interval("1", self), 500);
}

TEST(nobody_asks)
{
	ck_assert_int_eq(interval(NULL, NULL), CLOCK_NEVER);
	ck_assert_int_eq(interval("0", NULL), CLOCK_NEVER);
	ck_assert_int_eq(interval("", NULL), CLOCK_NEVER);
	ck_assert_int_eq(interval("-1", NULL), CLOCK_NEVER);
	ck_assert_int_eq(interval("1s", NULL), CLOCK_NEVER);
	ck_assert_int_eq(interval("9223372036854775807", NULL), CLOCK_NEVER);
}

TEST(another_process_is_asked)
{
	ck_assert_int_eq(interval("30000000", "1"), CLOCK_NEVER);
	ck_assert_int_eq(interval("30000000", ""), CLOCK_NEVER);
	ck_assert_int_eq(interval("30000000", "x"), CLOCK_NEVER);
}
