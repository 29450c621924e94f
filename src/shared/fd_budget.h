/*
 * fd_budget: how many more descriptors a process may open (RLIMIT_NOFILE).  A
 * connection that comes from another process while there is none is lost, where
 * one that cannot be accepted only waits; so that it is looked at before.
 */
#ifndef TINED_SHARED_FD_BUDGET_H
#define TINED_SHARED_FD_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With so many left nothing is looked at again for FD_BUDGET_TIME. */
#define FD_BUDGET_AMPLE 16
#define FD_BUDGET_TIME (CLOCK_SECOND / 10)
/* Fewer than so many are left by a leak. */
#define FD_BUDGET_LEAK 64

struct fd_budget {
	int fd;	       /* any that is open; not owned */
	size_t limit;  /* as it was at first */
	size_t least;  /* with fewer of that limit something leaks; 0: never */
	int64_t trust; /* until then (clock.h) there is room */
};

/* When all is open that is always open. */
void fd_budget_init(struct fd_budget *r, int fd);
/*
 * Whether there is one.  A change from outside, by prlimit(2), may be seen only
 * after FD_BUDGET_TIME: an ordinary call makes no system call.
 */
bool fd_budget_has_one(struct fd_budget *r);
/*
 * Whether most have been used up since the beginning; a limit that was lowered
 * uses none up.
 */
bool fd_budget_is_leaking(const struct fd_budget *r);

#endif
