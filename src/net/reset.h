/*
 * reset: connections of which the close is a reset, so that the other end sees an
 * error in place of an end.
 */
#ifndef TINED_NET_RESET_H
#define TINED_NET_RESET_H

#include <stdbool.h>

/*
 * Whether the last close of that connection resets it: SO_LINGER with 0 seconds,
 * socket(7).  It counts for all descriptors of it, in all processes, and also if
 * the last of them is killed.  What the other end has not acknowledged by then is
 * lost.  A Unix socket has no resets, and this changes nothing.  -1 with errno:
 * EPERM in most workers, since they could do this to a listener (seccomp.h).
 */
int reset_on_close(int fd, bool on);

#endif
