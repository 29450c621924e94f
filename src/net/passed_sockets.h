/*
 * passed_sockets: the listening sockets that systemd passes in
 * (sd_listen_fds(3)).
 */
#ifndef TINED_NET_PASSED_SOCKETS_H
#define TINED_NET_PASSED_SOCKETS_H

#include "base/buffer.h"

/* The descriptor of the first one; the others follow. */
#define PASSED_SOCKETS_FIRST 3

/*
 * Returns the number of passed sockets, and makes them non-blocking and
 * close-on-exec.  Removes the variables from the environment, so that children
 * do not use the sockets again.  -1 with an error message in *why.
 */
int passed_sockets_take(struct buffer *why);

#endif
