/*
 * socket_path: the path of a Unix socket to listen on.
 */
#ifndef TINED_NET_SOCKET_PATH_H
#define TINED_NET_SOCKET_PATH_H

#include <sys/un.h>

#include "base/buffer.h"

/*
 * Removes the socket that a dead server has left: one that refuses connections.
 * Removes no other file.
 */
void socket_path_remove_stale(const struct sockaddr_un *a);
/*
 * Checks that a socket can be created, and does not create it.  A socket that
 * has this path already is no error.  -1 with an error message in *why.
 */
int socket_path_check(const char *path, struct buffer *why);
/* Adds an error message for bind(2), which failed with this error. */
void socket_path_explain(struct buffer *why, const char *path, int error);

#endif
