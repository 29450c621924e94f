/*
 * backlog: the connections in the kernel's queue of a listening socket, which
 * no process has accepted yet.
 */
#ifndef TINED_NET_BACKLOG_H
#define TINED_NET_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>

struct backlog {
	uint64_t waiting;
	uint64_t room; /* the queue is full at room + 1 */
};

/*
 * Connections that the kernel has refused because a queue was full, counted for
 * all sockets of the network namespace.  The count of each socket is of no use,
 * as it includes the handshakes that TCP_DEFER_ACCEPT holds back.
 */
struct backlog_overflows {
	int fd;		 /* of /proc/net/netstat; -1: unreadable */
	uint64_t before; /* the count when it began */
};

/* False if the kernel does not tell, as for a Unix or a closed socket. */
bool backlog_read(int fd, struct backlog *out);
/*
 * True if a client whose SYN has arrived may be about to complete its
 * handshake, or if the kernel does not tell.  Does not count clients to whom
 * the kernel has repeated its SYN-ACK, which it does after a second: with
 * TCP_DEFER_ACCEPT a client may be silent for much longer.
 */
bool backlog_is_greeting(int fd);
/* Begins to count; the open descriptor works in a chroot as well. */
void backlog_watch_overflows(struct backlog_overflows *o);
/* False if the number is unknown. */
bool backlog_read_overflows(const struct backlog_overflows *o, uint64_t *n);

#endif
