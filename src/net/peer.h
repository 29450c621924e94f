/*
 * peer: the other end of a connection.
 */
#ifndef TINED_NET_PEER_H
#define TINED_NET_PEER_H

#include <sys/socket.h>

#include <netinet/in.h>

#include <stdbool.h>

struct peer {
	struct sockaddr_storage address;
	socklen_t length;
	char name[INET6_ADDRSTRLEN]; /* "127.0.0.1", "::1", "unix" */
};

/* Makes the name from the address; IPv4 behind IPv6 is shown as IPv4. */
void peer_set_name(struct peer *p);
/*
 * Of a socket that another process has passed: asks the kernel who is at its
 * other end, and makes the name.  -1 with errno if it is no connected stream.
 */
int peer_look_up(struct peer *p, int fd);
bool peer_is_unix(const struct peer *p);
/* By IP, and of this machine: 127.0.0.0/8, ::1. */
bool peer_is_loopback(const struct peer *p);
/* Of an address of either end; -1 if it has none. */
int peer_port(const struct sockaddr_storage *address);

#endif
