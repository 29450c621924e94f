#include <arpa/inet.h>

#include <errno.h>
#include <stdio.h>

#include "net/peer.h"

/* For each connection, and inet_ntop(3) prints by a format: 20 times as much. */
static void
set_v4_name(struct peer *p, const void *address)
{
	const unsigned char *bytes = address;
	char *to = p->name;

	for (size_t i = 0; i < sizeof(struct in_addr); i++) {
		if (bytes[i] >= 100)
			*to++ = (char)('0' + bytes[i] / 100);
		if (bytes[i] >= 10)
			*to++ = (char)('0' + bytes[i] / 10 % 10);
		*to++ = (char)('0' + bytes[i] % 10);
		*to++ = '.';
	}
	to[-1] = '\0';
}

void
peer_set_name(struct peer *p)
{
	const struct sockaddr_in *v4 = (const void *)&p->address;
	const struct sockaddr_in6 *v6 = (const void *)&p->address;
	int family = p->address.ss_family;

	if (family == AF_INET)
		set_v4_name(p, &v4->sin_addr);
	else if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		set_v4_name(p, &v6->sin6_addr.s6_addr[12]);
	else if (family == AF_INET6)
		inet_ntop(AF_INET6, &v6->sin6_addr, p->name, sizeof(p->name));
	else
		snprintf(p->name, sizeof(p->name), "unix");
}

/* Only connected Unix sockets can have another type. */
static bool
is_stream(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	    type == SOCK_STREAM;
}

int
peer_look_up(struct peer *p, int fd)
{
	*p = (struct peer){.length = sizeof(p->address)};
	if (getpeername(fd, (struct sockaddr *)&p->address, &p->length) == -1)
		return -1;
	if (peer_is_unix(p) && !is_stream(fd)) {
		errno = EPROTOTYPE;
		return -1;
	}
	peer_set_name(p);
	return 0;
}

bool
peer_is_unix(const struct peer *p)
{
	return p->address.ss_family == AF_UNIX;
}

bool
peer_is_loopback(const struct peer *p)
{
	const struct sockaddr_in *v4 = (const void *)&p->address;
	const struct sockaddr_in6 *v6 = (const void *)&p->address;
	const unsigned char *bytes = v6->sin6_addr.s6_addr;

	if (p->address.ss_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	if (p->address.ss_family != AF_INET6)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		return bytes[12] == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

int
peer_port(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;

	switch (address->ss_family) {
	case AF_INET:
		return ntohs(v4->sin_port);
	case AF_INET6:
		return ntohs(v6->sin6_port);
	default:
		return -1;
	}
}
