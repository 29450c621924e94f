/*
 * peer: the other end of a connection.
 */
#ifndef TINED_PEER_H
#define TINED_PEER_H

#include <sys/socket.h>

#include <netinet/in.h>

struct peer {
	struct sockaddr_storage address;
	socklen_t length;
	char name[INET6_ADDRSTRLEN]; /* "127.0.0.1", "::1", "unix" */
};

/* Makes the name from the address; IPv4 behind IPv6 is shown as IPv4. */
void peer_set_name(struct peer *p);

#endif
