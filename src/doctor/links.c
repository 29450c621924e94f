#include <sys/socket.h>

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "doctor/links.h"

void
links_look(struct links *l)
{
	const struct rtmsg all_routes = {.rtm_family = AF_UNSPEC};
	const struct tcmsg all_queues = {.tcm_family = AF_UNSPEC};

	*l = (struct links){0};
	if (netlink_list(NETLINK_ROUTE, RTM_GETROUTE, &all_routes,
		sizeof(all_routes), links_take_route, l) == -1)
		l->route_error = errno;
	if (netlink_list(NETLINK_ROUTE, RTM_GETQDISC, &all_queues,
		sizeof(all_queues), links_take_queue, l) == -1)
		l->queue_error = errno;
}

void
links_free(struct links *l)
{
	free(l->routes);
	free(l->queues);
	*l = (struct links){0};
}

static const char *
links_address_of(int family, struct text value, char text[INET6_ADDRSTRLEN])
{
	size_t len = family == AF_INET6 ? sizeof(struct in6_addr)
					: sizeof(struct in_addr);

	if (value.len != len ||
	    inet_ntop(family, value.at, text, INET6_ADDRSTRLEN) == NULL)
		return NULL;
	return text;
}

static void
describe_route(
    const struct rtmsg *route, struct text attributes, struct buffer *b)
{
	uint32_t device = netlink_number(attributes, RTA_OIF);
	uint32_t table = netlink_number(attributes, RTA_TABLE);
	uint32_t metric = netlink_number(attributes, RTA_PRIORITY);
	char text[INET6_ADDRSTRLEN], name[IF_NAMESIZE];
	const char *to, *via;

	to = links_address_of(
	    route->rtm_family, netlink_find(attributes, RTA_DST), text);
	if (to != NULL)
		buffer_printf(b, "%s/%u", to, route->rtm_dst_len);
	else
		buffer_add_string(b, "default");
	via = links_address_of(
	    route->rtm_family, netlink_find(attributes, RTA_GATEWAY), text);
	if (via != NULL)
		buffer_printf(b, " via %s", via);
	if (device != 0 && if_indextoname(device, name) != NULL)
		buffer_printf(b, " dev %s", name);
	if (table != 0 && table != RT_TABLE_MAIN)
		buffer_printf(b, " table %u", table);
	if (metric != 0)
		buffer_printf(b, " metric %u", metric);
}

void
links_take_route(const struct nlmsghdr *message, void *to)
{
	const struct rtmsg *route = netlink_data(message);
	struct links *l = to;
	struct links_route r = {0};
	struct text attributes, metrics;
	struct buffer words = {0};

	if (message->nlmsg_type != RTM_NEWROUTE ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof(*route)) ||
	    route->rtm_type != RTN_UNICAST)
		return;
	attributes = netlink_attributes(message, sizeof(*route));
	metrics = netlink_find(attributes, RTA_METRICS);
	r.window = netlink_number(metrics, RTAX_INITCWND);
	r.receive_window = netlink_number(metrics, RTAX_INITRWND);
	if (r.window == 0 && r.receive_window == 0)
		return;
	describe_route(route, attributes, &words);
	strlcpy(r.words, buffer_string(&words), sizeof(r.words));
	buffer_free(&words);
	l->routes =
	    memory_resize(l->routes, l->route_count + 1, sizeof(l->routes[0]));
	l->routes[l->route_count++] = r;
}

void
links_take_queue(const struct nlmsghdr *message, void *to)
{
	const struct tcmsg *queue = netlink_data(message);
	struct links *l = to;
	struct links_queue q = {0};
	struct text kind;

	if (message->nlmsg_type != RTM_NEWQDISC ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof(*queue)) ||
	    queue->tcm_parent != TC_H_ROOT ||
	    if_indextoname((unsigned)queue->tcm_ifindex, q.device) == NULL)
		return;
	kind =
	    netlink_find(netlink_attributes(message, sizeof(*queue)), TCA_KIND);
	if (kind.len == 0 || kind.len > sizeof(q.kind) ||
	    kind.at[kind.len - 1] != '\0')
		return;
	memcpy(q.kind, kind.at, kind.len);
	l->queues =
	    memory_resize(l->queues, l->queue_count + 1, sizeof(l->queues[0]));
	l->queues[l->queue_count++] = q;
}
