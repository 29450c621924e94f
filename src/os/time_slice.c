#include <sys/syscall.h>

#include <sched.h>
#include <unistd.h>

#include "os/time_slice.h"

/*
 * struct sched_attr of sched_setattr(2), in its first version: C libraries have
 * neither it nor the calls, or have them since a short time.
 */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

#define RESET_ON_FORK 1U /* SCHED_FLAG_RESET_ON_FORK */

void
time_slice_set(int64_t slice)
{
	struct attributes a = {0};

	if (syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0) == -1 ||
	    a.policy != SCHED_OTHER || a.nice < 0)
		return;
	a.size = sizeof(a);
	a.flags |= RESET_ON_FORK;
	a.runtime = (uint64_t)slice;
	(void)syscall(SYS_sched_setattr, 0, &a, 0);
}
