/*
 * cgroup: how much memory the control group of this process may use, in both
 * versions of the kernel's interface: cgroups(7).
 */
#ifndef TINED_OS_CGROUP_H
#define TINED_OS_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/text.h"

#define CGROUP_UNLIMITED UINT64_MAX

struct cgroup_place {
	bool first;	   /* version 1 */
	struct buffer dir; /* the group's own folder; owned */
	size_t top;	   /* length of dir's part that is the mount point */
};

/*
 * Where the limits of memory are, from the texts of /proc/self/cgroup and
 * /proc/self/mountinfo.  False when that is in neither.
 */
bool cgroup_locate(
    struct text groups, struct text mounts, struct cgroup_place *place);
/* "max", or a number with a line feed: as it is in the files of limits. */
uint64_t cgroup_limit(struct text t);
/* The least limit of the group and of those above it, in bytes. */
uint64_t cgroup_least_limit(const struct cgroup_place *place);
/* The same for this process; CGROUP_UNLIMITED also when nobody knows. */
uint64_t cgroup_memory(void);

#endif
