#include <sys/stat.h>

#include <linux/inet_diag.h>
#include <linux/tcp.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "doctor_case.h"

#define ESTABLISHED 1
#define LISTEN 10

static struct running running;
static struct buffer why;

void
unit_set_up(void)
{
	doctor_case_begin();
	running = (struct running){.pid = 10, .fullest = 12};
	host.running = &running;
	host_has("/proc/10/comm", "tined\n");
	host_has("/proc/10/status", "Name:\ttined\nPPid:\t1\n");
	host_has("/proc/12/comm", "tined\n");
	host_has("/proc/12/status", "Name:\ttined\nPPid:\t10\n");
	host_has("/proc/1/comm", "systemd\n");
}

void
unit_tear_down(void)
{
	running_free(&running);
	buffer_free(&why);
	doctor_case_end();
}

TEST(the_master_of_a_worker)
{
	pid_t master = 0;

	ck_assert_int_eq(running_find_master(&host, 12, &master, &why), 0);
	ck_assert_int_eq(master, 10);
	ck_assert_int_eq(running_find_master(&host, 10, &master, &why), 0);
	ck_assert_int_eq(master, 10);
	ck_assert_int_eq(running_find_master(&host, 1, &master, &why), -1);
	assert_string_eq(&why, "--pid 1: this process is not tined");
	buffer_clear(&why);
	ck_assert_int_eq(running_find_master(&host, 99, &master, &why), -1);
	assert_string_eq(&why, "--pid 99: there is no such process");
}

static void
has_descriptor(const char *path, const char *target)
{
	char *whole = memory_printf("%s%s", host.root, path);

	ck_assert_int_eq(symlink(target, whole), 0);
	free(whole);
}

TEST(descriptors_of_all_processes)
{
	host_has("/proc/10/task/10/children", "12 ");
	host_has("/proc/10/fd/0", "");
	has_descriptor("/proc/10/fd/3", "socket:[33]");
	host_has("/proc/12/fd/0", "");
	has_descriptor("/proc/12/fd/1", "/dev/null");
	has_descriptor("/proc/12/fd/4", "socket:[22]");
	has_descriptor("/proc/12/fd/5", "socket:[x]");
	running_count(&running, &host);
	ck_assert_uint_eq(running.processes, 2);
	ck_assert_uint_eq(running.descriptors, 4);
	ck_assert_int_eq(running.fullest, 12);
	ck_assert_int_eq(running.descriptor_error, 0);
	ck_assert_uint_eq(running.inode_count, 2);
	ck_assert_uint_eq(running.inodes[0], 22);
	ck_assert_uint_eq(running.inodes[1], 33);
}

TEST(descriptors_that_may_not_be_seen)
{
	running_count(&running, &host);
	ck_assert_int_eq(running.descriptor_error, ENOENT);
	running.descriptor_error = EACCES;
	assert_unknown(
	    check_descriptors_now, "Permission denied; look as root");
	assert_unknown(check_queues_now, "Permission denied; look as root");
	assert_unknown(check_retransmissions, "Permission denied");
	assert_unknown(check_peers, "Permission denied");
}

TEST(descriptors_against_the_limit)
{
	running.processes = 3;
	running.descriptors = 50;
	assert_unknown(check_descriptors_now, "/proc/12/limits is not there");
	host_has("/proc/12/limits", "Max open files  100  4096  files\n");
	assert_fine(check_descriptors_now,
	    "3 processes in all; 12 has most, 50 of 100");
	running.descriptors = 90;
	assert_hurts(check_descriptors_now, "process 12 has 90 of at most 100",
	    "prlimit --pid 12 --nofile=200");
	host_has("/proc/12/limits", "Max open files  unlimited  unlimited\n");
	assert_fine(check_descriptors_now, "90 of");
}

/* What the kernel says of a socket. */
static void
tell(uint8_t state, uint64_t inode, uint32_t waiting, uint32_t most,
    const char *peer, uint32_t sent, uint32_t repeated, size_t cut)
{
	struct inet_diag_msg m = {
	    .idiag_family = AF_INET,
	    .idiag_state = state,
	    .idiag_inode = (uint32_t)inode,
	    .idiag_rqueue = waiting,
	    .idiag_wqueue = most,
	};
	struct tcp_info info = {
	    .tcpi_data_segs_out = sent,
	    .tcpi_total_retrans = repeated,
	};
	struct nlattr head = {
	    (uint16_t)(NLA_HDRLEN + sizeof(info)), INET_DIAG_INFO};
	struct nlmsghdr message = {0};
	struct buffer b = {0};
	struct nlmsghdr *whole;

	m.id.idiag_sport = htons(80);
	m.id.idiag_src[0] = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(inet_pton(AF_INET, peer, m.id.idiag_dst), 1);
	buffer_add(&b, &message, sizeof(message));
	buffer_add(&b, &m, sizeof(m));
	buffer_add(&b, &head, sizeof(head));
	buffer_add(&b, &info, sizeof(info));
	whole = memory_get(b.len - cut);
	memcpy(whole, b.data, b.len - cut);
	whole->nlmsg_len = (uint32_t)(b.len - cut);
	running_take_socket(whole, &running);
	free(whole);
	buffer_free(&b);
}

static void
owns(uint64_t inode)
{
	running.inodes = memory_get_array(1, sizeof(running.inodes[0]));
	running.inodes[0] = inode;
	running.inode_count = 1;
}

TEST(sockets_of_others_do_not_count)
{
	tell(LISTEN, 7, 0, 0, "0.0.0.0", 0, 0, 0);
	owns(7);
	tell(LISTEN, 8, 0, 0, "0.0.0.0", 0, 0, 0);
	ck_assert_uint_eq(running.socket_count, 0);
	tell(LISTEN, 7, 3, 128, "0.0.0.0", 0, 0, 0);
	ck_assert_uint_eq(running.socket_count, 1);
	ck_assert_str_eq(running.sockets[0].local, "127.0.0.1:80");
}

TEST(messages_that_are_cut_off)
{
	size_t whole = sizeof(struct tcp_info) + sizeof(struct inet_diag_msg);

	owns(7);
	for (size_t cut = 1; cut < whole; cut++)
		tell(ESTABLISHED, 7, 0, 0, "192.0.2.1", 9, 9, cut);
	for (size_t i = 0; i < running.socket_count; i++)
		ck_assert_uint_eq(running.sockets[i].sent, 0);
}

TEST(clients_in_the_queue)
{
	assert_fine(check_queues_now, "no TCP port");
	owns(7);
	tell(LISTEN, 7, 0, 128, "0.0.0.0", 0, 0, 0);
	assert_fine(check_queues_now, "0 of at most 128 clients");
	tell(LISTEN, 7, 5, 128, "0.0.0.0", 0, 0, 0);
	assert_fine(check_queues_now, "5 of at most 128 clients wait at 127");
	tell(LISTEN, 7, 120, 128, "0.0.0.0", 0, 0, 0);
	assert_hurts(check_queues_now, "120 of at most 128 clients", "");
}

TEST(segments_sent_again)
{
	owns(7);
	tell(LISTEN, 7, 0, 128, "0.0.0.0", 0, 0, 0);
	tell(ESTABLISHED, 7, 0, 0, "192.0.2.1", 900, 50, 0);
	assert_unknown(check_retransmissions,
	    "too few packets with data to judge: 900, and 50");
	tell(ESTABLISHED, 7, 0, 0, "192.0.2.2", 9100, 49, 0);
	assert_fine(check_retransmissions, "0.99 % of 10000 packets");
	tell(ESTABLISHED, 7, 0, 0, "192.0.2.2", 0, 1, 0);
	assert_costs(check_retransmissions, "1.0 % of 10000 packets", "");
}

TEST(data_that_waits)
{
	const struct running_socket client = {.waits = STALL_CLIENT_WINDOW};
	const struct running_socket nagle = {.waits = STALL_NAGLE};

	owns(7);
	assert_fine(check_stalls_now, "connections: 0");
	tell(LISTEN, 7, 0, 128, "0.0.0.0", 0, 0, 0);
	tell(ESTABLISHED, 7, 0, 0, "192.0.2.1", 9, 0, 0);
	tell(ESTABLISHED, 7, 0, 0, "192.0.2.1", 9, 0, 0);
	assert_fine(check_stalls_now, "no data waits in the kernel now (conn");
	running.sockets[1] = client;
	assert_costs(check_stalls_now,
	    "(1 client_window; connections: 2); the status counts", "");
	running.sockets[2] = nagle;
	assert_hurts(check_stalls_now,
	    "(1 nagle, 1 client_window; connections: 2): TCP_NODELAY is off",
	    "");
}

TEST(addresses_of_clients)
{
	owns(7);
	tell(LISTEN, 7, 0, 128, "0.0.0.0", 0, 0, 0);
	for (int i = 0; i < 7; i++)
		tell(ESTABLISHED, 7, 0, 0, "192.0.2.1", 0, 0, 0);
	assert_unknown(check_peers, "7 connections are too few");
	tell(ESTABLISHED, 7, 0, 0, "192.0.2.1", 0, 0, 0);
	assert_unknown(check_peers, "all 8 connections come from 192.0.2.1");
	tell(ESTABLISHED, 7, 0, 0, "192.0.2.2", 0, 0, 0);
	assert_fine(check_peers, "9 connections come from several");
}

TEST(another_network_namespace)
{
	running.elsewhere = true;
	assert_unknown(check_queues_now, "nsenter -t 10 -n");
	assert_unknown(check_peers, "nsenter -t 10 -n");
}

TEST(a_counter_by_its_name)
{
	uint64_t n = 0;

	ck_assert(!running_counter(&host, 10, "ListenOverflows", &n));
	ck_assert_int_eq(errno, ENOENT);
	host_has("/proc/10/net/netstat",
	    "TcpExt: SyncookiesSent ListenOverflows ListenDrops\n"
	    "TcpExt: 1 22 333\nIpExt: InNoRoutes\nIpExt: 4\n");
	ck_assert(running_counter(&host, 10, "ListenOverflows", &n));
	ck_assert_uint_eq(n, 22);
	ck_assert(running_counter(&host, 10, "ListenDrops", &n));
	ck_assert_uint_eq(n, 333);
	ck_assert(!running_counter(&host, 10, "Listen", &n));
	ck_assert_int_eq(errno, ENODATA);
	host_has(
	    "/proc/10/net/netstat", "TcpExt: A ListenOverflows\nTcpExt: 1");
	ck_assert(!running_counter(&host, 10, "ListenOverflows", &n));
	host_has("/proc/10/net/netstat", "TcpExt: ListenOverflows");
	ck_assert(!running_counter(&host, 10, "ListenOverflows", &n));
}

TEST(clients_that_found_a_full_queue)
{
	assert_fine(check_overflows, "no client");
	running.overflows = 5;
	assert_costs(check_overflows, "a full queue 5 times since", "");
	running.overflows_now = 3;
	assert_hurts(
	    check_overflows, "clients found a full queue 3 times, and 5", "");
	running.overflow_error = EACCES;
	assert_unknown(check_overflows, "/proc/10/net/netstat: Permission");
}

TEST(processes_killed_for_want_of_memory)
{
	assert_unknown(check_kills, "No such file");
	host_has("/proc/10/cgroup", "0::/web\n");
	assert_unknown(check_kills, "No such file");
	host_has("/sys/fs/cgroup/web/memory.events",
	    "low 0\noom 3\noom_kill 0\noom_group_kill 5\n");
	assert_fine(check_kills, "killed no process");
	host_has("/sys/fs/cgroup/web/memory.events", "oom 3\noom_kill 2\n");
	assert_hurts(check_kills, "memory, 2 so far", "");
	host_has("/proc/10/cgroup", "4:memory:/b\n0::/web\n");
	host_has("/sys/fs/cgroup/memory/b/memory.oom_control",
	    "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
	assert_hurts(check_kills, "memory, 1 so far", "");
}
