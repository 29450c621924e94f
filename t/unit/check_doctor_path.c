#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "doctor/slow_start.h"
#include "doctor_case.h"

static struct buffer message;

void
unit_set_up(void)
{
	doctor_case_begin();
	host_sets("net.ipv4.tcp_congestion_control", "cubic");
}

void
unit_tear_down(void)
{
	links_free(&host.links);
	buffer_free(&message);
	doctor_case_end();
}

/* Messages as the kernel makes them. */

static void
begin(uint16_t type, const void *fixed, size_t len)
{
	struct nlmsghdr head = {.nlmsg_type = type};

	buffer_clear(&message);
	buffer_add(&message, &head, sizeof(head));
	buffer_add(&message, fixed, len);
	while (message.len % NLMSG_ALIGNTO != 0)
		buffer_add_char(&message, '\0');
}

static void
add(uint16_t type, const void *value, size_t len)
{
	struct nlattr head = {(uint16_t)(NLA_HDRLEN + len), type};

	buffer_add(&message, &head, sizeof(head));
	buffer_add(&message, value, len);
	while (message.len % NLA_ALIGNTO != 0)
		buffer_add_char(&message, '\0');
}

static void
add_number(uint16_t type, uint32_t number)
{
	add(type, &number, sizeof(number));
}

static void
add_metric(uint16_t type, uint32_t number)
{
	struct nlattr inner = {NLA_HDRLEN + sizeof(number), type};
	char both[NLA_HDRLEN + sizeof(number)];

	memcpy(both, &inner, sizeof(inner));
	memcpy(both + NLA_HDRLEN, &number, sizeof(number));
	add(RTA_METRICS | NLA_F_NESTED, both, sizeof(both));
}

static void
take(netlink_taker *taker)
{
	struct nlmsghdr *head = (void *)message.data;

	head->nlmsg_len = (uint32_t)message.len;
	taker(head, &host.links);
}

static const struct rtmsg anywhere = {
    .rtm_family = AF_INET,
    .rtm_table = RT_TABLE_MAIN,
    .rtm_type = RTN_UNICAST,
};

TEST(round_trips_of_a_window_that_doubles)
{
	ck_assert_uint_eq(slow_start_trips(1, 10), 1);
	ck_assert_uint_eq(slow_start_trips(14480, 10), 1);
	ck_assert_uint_eq(slow_start_trips(14481, 10), 2);
	ck_assert_uint_eq(slow_start_trips(100000, 10), 3);
	ck_assert_uint_eq(slow_start_trips(100000, 1), 7);
	ck_assert_uint_eq(slow_start_trips(1000000, 10), 7);
}

TEST(a_route_with_a_small_window)
{
	const unsigned char gateway[] = {192, 0, 2, 1};

	begin(RTM_NEWROUTE, &anywhere, sizeof(anywhere));
	add_number(RTA_TABLE, RT_TABLE_MAIN);
	add(RTA_GATEWAY, gateway, sizeof(gateway));
	add_number(RTA_OIF, 1);
	add_metric(RTAX_INITCWND, 1);
	take(links_take_route);
	assert_costs(check_initial_windows,
	    "the route default via 192.0.2.1 dev lo has initcwnd 1 instead of "
	    "10: 100 kB to a new client take 7 round trips instead of 3",
	    "ip route change default via 192.0.2.1 dev lo initcwnd 10");
}

TEST(the_smallest_window_counts)
{
	struct rtmsg network = anywhere;
	const unsigned char to[] = {198, 51, 100, 0};

	network.rtm_dst_len = 24;
	begin(RTM_NEWROUTE, &anywhere, sizeof(anywhere));
	add_metric(RTAX_INITCWND, 8);
	take(links_take_route);
	begin(RTM_NEWROUTE, &network, sizeof(network));
	add(RTA_DST, to, sizeof(to));
	add_metric(RTAX_INITCWND, 4);
	add_number(RTA_TABLE, 100);
	add_number(RTA_PRIORITY, 50);
	take(links_take_route);
	assert_costs(check_initial_windows, "has initcwnd 4 instead of 10",
	    "ip route change 198.51.100.0/24 table 100 metric 50 initcwnd 10");
}

TEST(a_window_for_what_clients_send)
{
	begin(RTM_NEWROUTE, &anywhere, sizeof(anywhere));
	add_metric(RTAX_INITRWND, 2);
	take(links_take_route);
	assert_costs(check_initial_windows,
	    "has initrwnd 2 instead of 10: 100 kB from a new client",
	    "ip route change default initrwnd 10");
}

TEST(routes_that_are_well)
{
	struct rtmsg local = anywhere;

	assert_fine(check_initial_windows, "no route");
	begin(RTM_NEWROUTE, &anywhere, sizeof(anywhere));
	add_metric(RTAX_INITCWND, 10);
	take(links_take_route);
	begin(RTM_NEWROUTE, &anywhere, sizeof(anywhere));
	take(links_take_route);
	local.rtm_type = RTN_LOCAL;
	begin(RTM_NEWROUTE, &local, sizeof(local));
	add_metric(RTAX_INITCWND, 1);
	take(links_take_route);
	begin(RTM_DELROUTE, &anywhere, sizeof(anywhere));
	add_metric(RTAX_INITCWND, 1);
	take(links_take_route);
	assert_fine(check_initial_windows, "no route");
	ck_assert_uint_eq(host.links.route_count, 1);
}

/* At the end of a heap block, so that a sanitizer sees what reads too far. */
TEST(messages_that_are_cut_off)
{
	begin(RTM_NEWROUTE, &anywhere, sizeof(anywhere));
	add_metric(RTAX_INITCWND, 1);
	for (size_t len = NLMSG_HDRLEN; len < message.len; len++) {
		struct nlmsghdr *copy = memory_get(len);

		memcpy(copy, message.data, len);
		copy->nlmsg_len = (uint32_t)len;
		links_take_route(copy, &host.links);
		copy->nlmsg_type = RTM_NEWQDISC;
		links_take_queue(copy, &host.links);
		free(copy);
	}
	ck_assert_uint_eq(host.links.route_count, 0);
	ck_assert_uint_eq(host.links.queue_count, 0);
}

static void
has_queue(int device, uint32_t parent, const char *kind)
{
	const struct tcmsg queue = {
	    .tcm_ifindex = device,
	    .tcm_parent = parent,
	};

	begin(RTM_NEWQDISC, &queue, sizeof(queue));
	add(TCA_KIND, kind, strlen(kind) + 1);
	take(links_take_queue);
}

TEST(queues)
{
	assert_fine(check_queueing, "no device");
	has_queue(1, 0x10001, "netem");		   /* not the root */
	has_queue(0x7fffffff, TC_H_ROOT, "netem"); /* gone meanwhile */
	has_queue(1, TC_H_ROOT, "pfifo_fast");
	assert_fine(check_queueing, "lo has pfifo_fast");
	has_queue(1, TC_H_ROOT, "tbf");
	assert_costs(check_queueing, "lo has tbf, which delays",
	    "tc qdisc del dev lo root");
}

TEST(queues_and_pacing)
{
	host_sets("net.ipv4.tcp_congestion_control", "bbr");
	has_queue(1, TC_H_ROOT, "noqueue");
	has_queue(1, TC_H_ROOT, "fq");
	assert_fine(check_queueing, "lo has noqueue, lo has fq");
	has_queue(1, TC_H_ROOT, "fq_codel");
	assert_costs(check_queueing, "lo has fq_codel",
	    "tc qdisc replace dev lo root fq");
}

TEST(what_the_kernel_does_not_tell)
{
	host.links.route_error = EPERM;
	host.links.queue_error = EPROTONOSUPPORT;
	assert_unknown(check_initial_windows, "Operation not permitted");
	assert_unknown(check_queueing, "Protocol not supported");
}
