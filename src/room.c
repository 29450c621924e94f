#include <sys/resource.h>

#include <fcntl.h>
#include <unistd.h>

#include "clock.h"
#include "room.h"

static size_t
limit_now(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

/*
 * The lowest free number is the next to be used; those above it count as free,
 * and hardly ever is one of them not.
 */
static size_t
count_left(const struct room *r, size_t limit)
{
	int next = fcntl(r->fd, F_DUPFD_CLOEXEC, 0);

	if (next == -1)
		return 0;
	close(next);
	return limit > (size_t)next ? limit - (size_t)next : 1;
}

void
room_init(struct room *r, int fd)
{
	size_t left;

	*r = (struct room){.fd = fd, .limit = limit_now()};
	left = count_left(r, r->limit);
	r->least = left / 2 < ROOM_LEAK ? left / 2 : ROOM_LEAK;
}

bool
room_has_one(struct room *r)
{
	int64_t now = clock_now();
	size_t left;

	if (now < r->trust)
		return true;
	left = count_left(r, limit_now());
	if (left >= ROOM_AMPLE)
		r->trust = now + ROOM_TIME;
	return left > 0;
}

bool
room_is_leaking(const struct room *r)
{
	size_t limit = limit_now();

	return limit == r->limit && count_left(r, limit) < r->least;
}
