#include <sys/resource.h>

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "shared/fd_budget.h"
#include "unit.h"

#define LIMIT 300

static struct fd_budget room;
static struct rlimit own;
static int fd;

static void
set_limit(size_t limit)
{
	struct rlimit now;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &now), 0);
	now.rlim_cur = limit;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &now), 0);
}

/* Descriptors, until so many are left. */
static void
leave(size_t left)
{
	int last;

	while ((last = dup(fd)) != -1 && (size_t)last < LIMIT - left)
		;
	if (last != -1)
		close(last);
}

void
unit_set_up(void)
{
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &own), 0);
	set_limit(LIMIT);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ne(fd, -1);
	fd_budget_init(&room, fd);
}

/* A sanitizer wants some when the process ends. */
void
unit_tear_down(void)
{
	setrlimit(RLIMIT_NOFILE, &own);
}

/* As after FD_BUDGET_TIME. */
static bool
has_one(void)
{
	room.trust = 0;
	return fd_budget_has_one(&room);
}

TEST(there_is_room_until_the_last_is_used)
{
	int next = dup(fd);

	close(next);
	ck_assert(has_one());
	leave(1);
	ck_assert(has_one());
	leave(0);
	ck_assert(!has_one());
	close(next);
	ck_assert(has_one());
	ck_assert_int_eq(dup(fd), next); /* nothing was left open */
}

TEST(a_lower_limit_is_seen_and_is_no_leak)
{
	ck_assert(has_one());
	set_limit(3);
	ck_assert(!has_one());
	ck_assert(!fd_budget_is_leaking(&room));
	set_limit(LIMIT);
	ck_assert(has_one());
}

TEST(where_there_is_much_room_it_is_not_looked_at_at_once)
{
	int64_t before = clock_now();

	ck_assert(has_one());
	ck_assert_int_ge(room.trust, before + FD_BUDGET_TIME);
	leave(FD_BUDGET_AMPLE - 1);
	ck_assert(has_one());
	ck_assert_int_eq(room.trust, 0);
}

TEST(most_used_up_is_a_leak)
{
	ck_assert(!fd_budget_is_leaking(&room));
	leave(FD_BUDGET_LEAK);
	ck_assert(!fd_budget_is_leaking(&room));
	leave(FD_BUDGET_LEAK - 1);
	ck_assert(fd_budget_is_leaking(&room));
	leave(0);
	ck_assert(fd_budget_is_leaking(&room));
}

TEST(few_at_the_start_are_no_leak)
{
	leave(9);
	fd_budget_init(&room, fd);
	ck_assert(!fd_budget_is_leaking(&room));
	leave(4);
	ck_assert(!fd_budget_is_leaking(&room));
	leave(3);
	ck_assert(fd_budget_is_leaking(&room));
	leave(0);
	fd_budget_init(&room, fd);
	ck_assert(!fd_budget_is_leaking(&room));
}
