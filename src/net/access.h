/*
 * access: the client addresses that are allowed (--allow).  An empty list
 * allows all.  Clients of a Unix socket are always allowed: its permissions
 * decide.
 */
#ifndef TINED_NET_ACCESS_H
#define TINED_NET_ACCESS_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>

struct access_range {
	unsigned char address[16]; /* IPv4 as ::ffff:a.b.c.d */
	int bits;		   /* leading bits that count, 0 to 128 */
};

struct access_list {
	struct access_range *ranges;
	size_t count;
};

/* Adds "10.0.0.0/8" or "::1"; false if it is neither IPv4 nor IPv6. */
bool access_add(struct access_list *list, const char *range);
bool access_allows(const struct access_list *list, const struct sockaddr *peer);
void access_free(struct access_list *list);

#endif
