#include <sys/resource.h>

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "shared/fd_budget.h"

static size_t
limit_now(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

/*
 * The kernel uses the lowest free number next.  This counts all higher numbers
 * as free, and hardly ever is one of them not.
 */
static size_t
count_left(const struct fd_budget *r, size_t limit)
{
	int next = fcntl(r->fd, F_DUPFD_CLOEXEC, 0);

	if (next == -1)
		return 0;
	close(next);
	return limit > (size_t)next ? limit - (size_t)next : 1;
}

void
fd_budget_init(struct fd_budget *r, int fd)
{
	size_t left;

	*r = (struct fd_budget){.fd = fd, .limit = limit_now()};
	left = count_left(r, r->limit);
	r->least = left / 2 < FD_BUDGET_LEAK ? left / 2 : FD_BUDGET_LEAK;
	r->left = left;
}

bool
fd_budget_has_one(struct fd_budget *r)
{
	int64_t now = clock_now();
	size_t left;

	if (now < r->trust)
		return true;
	left = count_left(r, limit_now());
	if (left >= FD_BUDGET_AMPLE)
		r->trust = now + FD_BUDGET_TIME;
	return left > 0;
}

bool
fd_budget_is_leaking(struct fd_budget *r)
{
	size_t limit = limit_now();

	r->left = count_left(r, limit);
	return limit == r->limit && r->left < r->least;
}
