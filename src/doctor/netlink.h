/*
 * netlink: asks the kernel for a list (netlink(7)): routes, queueing
 * disciplines, sockets.
 */
#ifndef TINED_DOCTOR_NETLINK_H
#define TINED_DOCTOR_NETLINK_H

#include <linux/netlink.h>

#include <stddef.h>

#include "base/text.h"

/* Called for each message of the list. */
typedef void netlink_taker(const struct nlmsghdr *message, void *to);

/*
 * Sends a request of that type, and passes on all that comes back.  -1 with
 * errno.
 */
int netlink_list(int protocol, uint16_t type, const void *request, size_t len,
    netlink_taker *take, void *to);

/* Returns the fixed part of a message. */
static inline const void *
netlink_data(const struct nlmsghdr *message)
{
	return (const char *)message + NLMSG_HDRLEN;
}

/*
 * Finds an attribute among those behind the fixed part of a message, or within
 * another attribute.  Empty, with a NULL at, if it is not there.
 */
struct text netlink_attributes(const struct nlmsghdr *message, size_t fixed);
struct text netlink_find(struct text attributes, uint16_t type);
/* Returns the number in an attribute; 0 if it is not there. */
uint32_t netlink_number(struct text attributes, uint16_t type);

#endif
