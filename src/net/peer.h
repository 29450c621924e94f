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

/* Sets the name from the address; an IPv4-mapped IPv6 address becomes IPv4. */
void peer_set_name(struct peer *p);
/*
 * Gets the peer of a socket that another process has passed from the kernel,
 * and sets the name.  -1 with errno if fd is not a connected stream socket.
 */
int peer_look_up(struct peer *p, int fd);
bool peer_is_unix(const struct peer *p);
/* True for 127.0.0.0/8 and ::1. */
bool peer_is_loopback(const struct peer *p);
/* Returns the port of an address, or -1 if it has none. */
int peer_port(const struct sockaddr_storage *address);

#endif
