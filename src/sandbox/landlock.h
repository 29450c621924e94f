/*
 * landlock: the kernel's fence around a process: the files, and with newer
 * kernels the ports and the processes, that it may still reach
 * (landlock(7)).  Descriptors that are open already are not concerned, nor
 * is what the process gets passed.  There is no way back.
 */
#ifndef TINED_SANDBOX_LANDLOCK_H
#define TINED_SANDBOX_LANDLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What may be done to files below a folder. */
enum landlock_grant {
	LANDLOCK_READ = 1,
	LANDLOCK_WRITE = 2, /* make, change, rename and remove */
	LANDLOCK_RUN = 4,
};

struct landlock_rule {
	int folder;	/* a descriptor; O_PATH will do */
	unsigned grant; /* of enum landlock_grant */
};

struct landlock_fence {
	const struct landlock_rule *rules;
	size_t rule_count;
	bool network; /* TCP may be bound and connected */
};

/* The kernel's version of it; 0: it has none, or forbids it to us. */
int landlock_probe(void);
/* Words for what that version keeps a process from. */
const char *landlock_describe(int abi);
/* What a version of it can forbid: the bits of landlock_create_ruleset(2). */
uint64_t landlock_files(int abi);
uint64_t landlock_ports(int abi);
uint64_t landlock_scopes(int abi);
/* Confines this thread; it must have no_new_privs.  -1 with errno. */
int landlock_confine(int abi, const struct landlock_fence *fence);

#endif
