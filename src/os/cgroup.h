/*
 * cgroup: the memory limit of the control group of this process (cgroups(7)),
 * for both versions of the kernel's interface.  They are expected where systemd
 * and container managers mount them: below /sys/fs/cgroup.
 */
#ifndef TINED_OS_CGROUP_H
#define TINED_OS_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

#define CGROUP_UNLIMITED UINT64_MAX

struct cgroup_place {
	const char *top;  /* the mount point of the hierarchy */
	const char *file; /* the name of the file with a group's limit */
	struct text path; /* of the group, below top; it may not exist */
};

/*
 * Finds the files with memory limits, from the contents of /proc/self/cgroup.
 * place->path points into that text.  False if it lists no usable group.
 */
bool cgroup_locate(struct text groups, struct cgroup_place *place);
/* Parses a limit: "max", or a number with a newline. */
uint64_t cgroup_limit(struct text t);
/* Returns the lowest limit of the group and its parents, in bytes. */
uint64_t cgroup_least_limit(const struct cgroup_place *place);
/* The same for this process; CGROUP_UNLIMITED if it cannot be found out. */
uint64_t cgroup_memory(void);

#endif
