/*
 * cgroup: how much memory the control group of this process may use, in both
 * versions of the kernel's interface: cgroups(7).  They are looked for where
 * systemd and container managers mount them: below /sys/fs/cgroup.
 */
#ifndef TINED_OS_CGROUP_H
#define TINED_OS_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

#define CGROUP_UNLIMITED UINT64_MAX

struct cgroup_place {
	const char *top;  /* where the hierarchy is mounted */
	const char *file; /* of each group: its limit */
	struct text path; /* of the group, below top; it may not be there */
};

/*
 * Where the limits of memory are, from the text of /proc/self/cgroup, of which
 * the place keeps a part.  False when that has no such group.
 */
bool cgroup_locate(struct text groups, struct cgroup_place *place);
/* "max", or a number with a line feed: as it is in the files of limits. */
uint64_t cgroup_limit(struct text t);
/* The least limit of the group and of those above it, in bytes. */
uint64_t cgroup_least_limit(const struct cgroup_place *place);
/* The same for this process; CGROUP_UNLIMITED also when nobody knows. */
uint64_t cgroup_memory(void);

#endif
