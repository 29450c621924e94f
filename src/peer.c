#include <arpa/inet.h>

#include <stdio.h>

#include "peer.h"

void
peer_set_name(struct peer *p)
{
	const struct sockaddr_in *v4 = (const void *)&p->address;
	const struct sockaddr_in6 *v6 = (const void *)&p->address;
	int family = p->address.ss_family;

	if (family == AF_INET)
		inet_ntop(AF_INET, &v4->sin_addr, p->name, sizeof(p->name));
	else if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], p->name,
		    sizeof(p->name));
	else if (family == AF_INET6)
		inet_ntop(AF_INET6, &v6->sin6_addr, p->name, sizeof(p->name));
	else
		snprintf(p->name, sizeof(p->name), "unix");
}
