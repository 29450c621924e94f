/*
 * links: the routes of this host that say how a connection begins, and the
 * queueing disciplines of its network devices.
 */
#ifndef TINED_DOCTOR_LINKS_H
#define TINED_DOCTOR_LINKS_H

#include <net/if.h>

#include <stddef.h>
#include <stdint.h>

#include "doctor/netlink.h"

struct links_route {
	char words[128]; /* as ip(8) has it: "default via 192.0.2.1 dev eth0" */
	uint32_t window; /* the initial window, segments; 0: the kernel's */
	uint32_t receive_window; /* the same for what the client sends */
};

struct links_queue {
	char device[IF_NAMESIZE];
	char kind[16]; /* "fq_codel" */
};

struct links {
	struct links_route *routes; /* only those that have a window */
	size_t route_count;
	struct links_queue *queues; /* of each device the root */
	size_t queue_count;
	int route_error; /* errno, if they are not known */
	int queue_error;
};

void links_look(struct links *l);
void links_free(struct links *l);
/* Add what a message of the kernel tells, if it matters; to: struct links. */
netlink_taker links_take_route;
netlink_taker links_take_queue;

#endif
