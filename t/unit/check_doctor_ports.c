#include "doctor_case.h"

#define RANGE "net.ipv4.ip_local_port_range"
#define RESERVED "net.ipv4.ip_local_reserved_ports"
#define REUSE "net.ipv4.tcp_tw_reuse"
#define BUCKETS "net.ipv4.tcp_max_tw_buckets"
#define USUAL "sysctl -w net.ipv4.ip_local_port_range='32768 60999'"

void
unit_set_up(void)
{
	doctor_case_begin();
	host_sets(RANGE, "32768\t60999");
	host_sets(RESERVED, "");
}

void
unit_tear_down(void)
{
	doctor_case_end();
}

TEST(connections_a_second_as_a_client)
{
	assert_fine(check_ports, "28232: this host can open 470 connections");
	host_sets(REUSE, "2");
	assert_fine(check_ports, "open 470 ");
	host_sets(REUSE, "1");
	assert_fine(check_ports, "open 28232 ");
	host_sets("net.ipv4.tcp_tw_reuse_delay", "100");
	assert_fine(check_ports, "open 282320 ");
	host_sets("net.ipv4.tcp_tw_reuse_delay", "0");
	assert_fine(check_ports, "connections a second");
}

TEST(few_ports)
{
	host_sets(RANGE, "40000 40999");
	assert_costs(check_ports,
	    "1000, where 28232 are usual: this host can "
	    "open 16 connections",
	    USUAL);
	config_add_mount(&config, "/", "file", "/srv");
	assert_costs(check_ports, "1000, ", USUAL);
	config_add_mount(&config, "/app", "wsgi", "shop:application");
	assert_hurts(check_ports, "EADDRNOTAVAIL", USUAL);
}

TEST(reserved_ports_do_not_count)
{
	host_sets(RANGE, "40000 40999");
	host_sets(RESERVED, "8080,40000,40100-40199,50000");
	assert_costs(check_ports, "899, ", USUAL);
	host_sets(RESERVED, "40000-40999");
	assert_costs(check_ports, "0, where", USUAL);
	host_sets(RESERVED, "x,40000-,-,40005");
	assert_costs(check_ports, "999, ", USUAL);
}

TEST(what_cannot_be_read_is_not_known)
{
	host_sets(RANGE, "32768");
	assert_unknown(check_ports, "is not a number: 32768");
	assert_unknown(check_listen_ports, "is not a number");
	assert_unknown(check_time_wait, "is not there");
	host_sets(BUCKETS, "131072");
	assert_unknown(check_time_wait, "/proc/net/sockstat is not there");
	host_has("/proc/net/sockstat", "sockets: used 1\nUDP: inuse 2\n");
	assert_unknown(check_time_wait, "/proc/net/sockstat: No data");
}

TEST(connections_in_time_wait)
{
	host_sets(BUCKETS, "131072");
	host_has("/proc/net/sockstat",
	    "sockets: used 116\nTCP: inuse 5 orphan 0 tw 2029 alloc 8 mem 1\n");
	assert_fine(check_time_wait, "2029 connections wait, of 131072");
	host_sets(BUCKETS, "4096");
	assert_costs(check_time_wait, "more than 68 a second",
	    "sysctl -w net.ipv4.tcp_max_tw_buckets=65536");
	host_has("/proc/net/sockstat", "TCP: inuse 5 orphan 0 tw 60000\n");
	host_sets(BUCKETS, "65536");
	assert_costs(check_time_wait, "60000 connections wait",
	    "sysctl -w net.ipv4.tcp_max_tw_buckets=131072");
}

TEST(a_listener_among_the_ports_of_connections)
{
	assert_fine(check_listen_ports, "none of them");
	config_add_string(&config.listen, "unix:/run/40000");
	config_add_string(&config.listen, "localhost:8080");
	assert_fine(check_listen_ports, "none of them");
	config_add_string(&config.listen, ":60999");
	assert_hurts(check_listen_ports, "port 60999",
	    "sysctl -w net.ipv4.ip_local_reserved_ports=60999");
	host_sets(RESERVED, "8080,9000-9010");
	assert_hurts(check_listen_ports, "port 60999",
	    "sysctl -w "
	    "net.ipv4.ip_local_reserved_ports=8080,9000-9010,60999");
	host_sets(RESERVED, "60990-60999");
	assert_fine(check_listen_ports, "none of them");
}
