/*
 * group: the control group of a process (cgroup.h), below the root of a host.
 */
#ifndef TINED_DOCTOR_GROUP_H
#define TINED_DOCTOR_GROUP_H

#include "doctor/host.h"

/*
 * Return the lowest limit of this process's group and its parents: bytes, or
 * processes; UINT64_MAX if there is none, or if it cannot be read.
 */
uint64_t group_memory(const struct host *h);
uint64_t group_processes(const struct host *h);
/* True if this process is in a group whose limits are hidden from it. */
bool group_is_hidden(const struct host *h);
/*
 * Counts the processes of the group of pid that the kernel has killed for want
 * of memory.  False with errno.
 */
bool group_count_kills(const struct host *h, pid_t pid, uint64_t *kills);

#endif
