/*
 * landlock: restricts the files that a process can open and, with newer
 * kernels, the TCP ports it can use and the processes it can signal
 * (landlock(7)).  Does not affect descriptors that are open already or that the
 * process receives.  The restriction is permanent.
 */
#ifndef TINED_SANDBOX_LANDLOCK_H
#define TINED_SANDBOX_LANDLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Access to the files below a directory, or to one file. */
enum landlock_grant {
	LANDLOCK_READ = 1,
	LANDLOCK_WRITE = 2, /* create, change, rename and remove */
	LANDLOCK_RUN = 4,
	LANDLOCK_USE =
	    8, /* read, and write to what exists, such as /dev/null */
};

struct landlock_rule {
	int directory;	/* a descriptor of either; O_PATH will do */
	unsigned grant; /* of enum landlock_grant */
};

struct landlock_fence {
	const struct landlock_rule *rules;
	size_t rule_count;
	bool network; /* TCP ports may be bound and connected */
};

/* Returns the kernel's version of Landlock; 0: none, or not permitted. */
int landlock_probe(void);
/* Describes what that version forbids, for the log. */
const char *landlock_describe(int abi);
/* The access rights that a version knows: landlock_create_ruleset(2). */
uint64_t landlock_files(int abi);
uint64_t landlock_ports(int abi);
uint64_t landlock_scopes(int abi);
/* Restricts this thread, which must have no_new_privs.  -1 with errno. */
int landlock_confine(int abi, const struct landlock_fence *fence);

#endif
