/*
 * time_slice: how long this process runs at a time while others want its core.
 * The kernel's default is 0.7 ms and more, the more the more cores there are; since
 * Linux 6.12 a process may ask for another, by sched_setattr(2).
 */
#ifndef TINED_OS_TIME_SLICE_H
#define TINED_OS_TIME_SLICE_H

#include <stdint.h>

/*
 * Asks for slices of so many nanoseconds for this process, not for its children.
 * The kernel has them last from 0.1 to 100 ms.  Does nothing with an older kernel,
 * and where the process has another scheduling policy than SCHED_OTHER, or a higher
 * priority than is usual: its children would lose that.
 */
void time_slice_set(int64_t slice);

#endif
