/*
 * backlog: the clients that the kernel has greeted for a listening socket, and
 * that nobody has accepted yet.
 */
#ifndef TINED_NET_BACKLOG_H
#define TINED_NET_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>

struct backlog {
	uint64_t waiting;
	uint64_t room; /* for so many, and one */
};

/*
 * Those that were turned away for want of room.  The kernel counts them for
 * all sockets of a network name space together: a socket's own count of drops
 * has the silent handshakes of TCP_DEFER_ACCEPT in it too.
 */
struct backlog_overflows {
	int fd;		 /* of /proc/net/netstat, -1: it cannot be read */
	uint64_t before; /* those that were there already */
};

/* False when the kernel does not tell: of a Unix socket, or a closed one. */
bool backlog_read(int fd, struct backlog *out);
/*
 * Whether a client whose first packet has come may be about to complete its
 * handshake, or the kernel does not tell.  One to whom the kernel has repeated
 * its answer, which it does after a second, is not expected any more: with
 * TCP_DEFER_ACCEPT a client may be silent for long.
 */
bool backlog_is_greeting(int fd);
/* From now on they are counted; the descriptor outlives a chroot. */
void backlog_watch_overflows(struct backlog_overflows *o);
/* False when that is not known. */
bool backlog_read_overflows(const struct backlog_overflows *o, uint64_t *n);

#endif
