#include <stdio.h>

#include "doctor_case.h"

#define MEMORY "net.ipv4.tcp_mem"
#define SEND "net.ipv4.tcp_wmem"
#define RECEIVE "net.ipv4.tcp_rmem"
#define GROWS "net.ipv4.tcp_moderate_rcvbuf"

static void
uses(const char *pages)
{
	char line[128];

	snprintf(line, sizeof(line),
	    "sockets: used 116\nTCP: inuse 5 orphan 0 tw 2 alloc 8 mem %s\n",
	    pages);
	host_has("/proc/net/sockstat", line);
}

void
unit_set_up(void)
{
	doctor_case_begin();
	host_sets(SEND, "4096\t16384\t4194304");
	host_sets(RECEIVE, "4096\t131072\t6291456");
	host_sets(GROWS, "1");
	host_sets(MEMORY, "190000\t250000\t380000");
	uses("256");
}

void
unit_tear_down(void)
{
	doctor_case_end();
}

/* With pages of 4 KiB. */
TEST(memory_of_all_connections)
{
	assert_fine(check_tcp_memory,
	    "1 MiB of 1484 MiB in use: enough for "
	    "95000 responses");
	uses("250000");
	assert_hurts(check_tcp_memory, "all connections use 976 MiB; from 976",
	    "sysctl -w net.ipv4.tcp_mem='380000 500000 760000'");
	uses("0");
	host_sets(MEMORY, "100 200 300");
	assert_hurts(check_tcp_memory, "the first 16 KiB of 75 responses",
	    "sysctl -w net.ipv4.tcp_mem='200 400 600'");
	config.workers.max = 75;
	assert_fine(check_tcp_memory, "75 responses");
}

TEST(buffers_of_one_connection)
{
	assert_fine(check_socket_buffers, "up to 42 MB/s out and 63 MB/s in");
	host_sets(GROWS, "0");
	assert_costs(check_socket_buffers,
	    "beyond 128 KiB: at a round trip of "
	    "50 ms, one upload has up to 1.3",
	    "sysctl -w net.ipv4.tcp_moderate_rcvbuf=1");
	host_sets(RECEIVE, "4096 65536 131072");
	assert_costs(check_socket_buffers,
	    "receive buffers grow to 128 KiB at most",
	    "sysctl -w net.ipv4.tcp_rmem='4096 65536 6291456'");
	host_sets(SEND, "4096 16384 65536");
	assert_costs(check_socket_buffers,
	    "send buffers grow to 64 KiB at most: at a round trip of 50 ms, "
	    "one connection carries up to 0.7 MB/s",
	    "sysctl -w net.ipv4.tcp_wmem='4096 16384 4194304'");
	host_sets(SEND, "4096 16384 1250000");
	assert_costs(check_socket_buffers, "receive buffers",
	    "sysctl -w net.ipv4.tcp_rmem='4096 65536 6291456'");
}

TEST(what_cannot_be_read_is_not_known)
{
	host_has("/proc/net/sockstat", "");
	assert_unknown(check_tcp_memory, "/proc/net/sockstat: No data");
	host_sets(SEND, "4096 16384");
	assert_unknown(check_socket_buffers, "is not a number: 4096 16384");
	assert_unknown(check_tcp_memory, "is not a number");
}
