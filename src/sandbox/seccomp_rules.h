/*
 * seccomp_rules: the system calls that a worker may not use, and those that the
 * lot may use.  seccomp.c makes a filter program of each list.
 */
#ifndef TINED_SANDBOX_SECCOMP_RULES_H
#define TINED_SANDBOX_SECCOMP_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The last call that these lists have been checked against: Linux 6.1's. */
#define SECCOMP_NEWEST_CALL 450

/* Of an argument only the lower half is looked at: all of these are ints. */
enum seccomp_when {
	WHEN_CALLED,
	WHEN_EQUAL,	     /* (argument & mask) == value */
	WHEN_OTHER,	     /* != value */
	WHEN_OTHERS_PROCESS, /* it is not this process's number */
	WHEN_OWN_PROCESS,
};

struct seccomp_rule {
	int call;
	unsigned grant; /* for which the rule is left out, or put in: below */
	enum seccomp_when when;
	int argument;
	uint32_t mask;
	uint32_t value;
	/* Only if the next rule matches, too: of that call and grant. */
	bool and_next;
};

/* No list has more rules. */
#define SECCOMP_RULES_MAX 256

/*
 * The calls that the kernel refuses to a worker.  A rule with a grant does not
 * apply to a worker that has that grant.
 */
extern const struct seccomp_rule seccomp_worker_rules[];
extern const size_t seccomp_worker_count;
/*
 * The calls that the kernel allows the lot.  A rule with a grant applies only if
 * the lot has that grant.
 */
extern const struct seccomp_rule seccomp_lot_rules[];
extern const size_t seccomp_lot_count;

#endif
