/*
 * fd_budget: checks whether a process can open another descriptor
 * (RLIMIT_NOFILE) before it receives a connection from another process.
 * Without a free descriptor that connection would be lost, while one in the
 * kernel's queue only waits.
 */
#ifndef TINED_SHARED_FD_BUDGET_H
#define TINED_SHARED_FD_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With that many left, the next check is after FD_BUDGET_TIME. */
#define FD_BUDGET_AMPLE 16
#define FD_BUDGET_TIME (CLOCK_SECOND / 10)
/* If fewer are left, the process leaks descriptors. */
#define FD_BUDGET_LEAK 64

struct fd_budget {
	int fd;	       /* any open descriptor; not owned */
	size_t limit;  /* RLIMIT_NOFILE at the beginning */
	size_t least;  /* with fewer left it leaks; 0: not checked */
	size_t left;   /* at the last check */
	int64_t trust; /* no check before then (clock.h) */
};

/* Call it when all permanent descriptors are open. */
void fd_budget_init(struct fd_budget *r, int fd);
/*
 * True if a descriptor is free.  Usually makes no system call, and so notices a
 * prlimit(2) from outside only after FD_BUDGET_TIME.
 */
bool fd_budget_has_one(struct fd_budget *r);
/*
 * True if the process has used up most descriptors since the beginning.  A
 * lowered limit does not count.
 */
bool fd_budget_is_leaking(struct fd_budget *r);

#endif
