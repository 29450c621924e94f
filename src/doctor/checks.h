/*
 * checks: the checks of --doctor.  Each is a function that reads the host and
 * the configuration and says in *f what it has found; it changes nothing else.
 * They stand by subject in accept.c, ports.c, congestion.c and so on.
 *
 * Figures are from the kernel's documentation (ip-sysctl.rst), from manual pages
 * and RFCs, which comments name.  "100 Mbit/s and 50 ms" is the example of a
 * fast path to a client that is far away.
 */
#ifndef TINED_DOCTOR_CHECKS_H
#define TINED_DOCTOR_CHECKS_H

#include "config/config.h"
#include "doctor/finding.h"
#include "doctor/host.h"
#include "doctor/running.h"

typedef void doctor_check(
    const struct host *h, const struct config *c, struct finding *f);

/*
 * True if a mount runs code of others, or passes requests on: it may act on
 * each request, and connect to other servers.
 */
bool check_has_application(const struct config *c);

/* True from 90 % on. */
static inline bool
check_is_nearly_full(uint64_t now, uint64_t most)
{
	return now >= most - most / 10;
}

struct doctor_entry {
	const char *name;
	doctor_check *check;
};

/* All checks: of two with the same verdict, the first has more weight. */
extern const struct doctor_entry doctor_checks[];
extern const size_t doctor_check_count;
/* The same for a tined that runs: they read host.running. */
extern const struct doctor_entry doctor_running_checks[];
extern const size_t doctor_running_check_count;

/* accept.c: how clients get in. */
doctor_check check_accept_queue;
doctor_check check_syn_queue;
doctor_check check_queue_overflow;
doctor_check check_fast_open;

/* ports.c: this host as a client, and the ports of the command line. */
doctor_check check_ports;
doctor_check check_time_wait;
doctor_check check_listen_ports;

/* congestion.c: how fast responses leave. */
doctor_check check_idle_window;
doctor_check check_congestion_control;
doctor_check check_tcp_options;

/* path.c: what the routes and the devices do. */
doctor_check check_initial_windows;
doctor_check check_queueing;

/* buffers.c */
doctor_check check_tcp_memory;
doctor_check check_socket_buffers;

/* front.c: what stands between the clients and tined. */
doctor_check check_keepalive;
doctor_check check_proxy;

/* service.c: the clock, the sandbox and the logs. */
doctor_check check_clock;
doctor_check check_sandbox;
doctor_check check_log_disk;

/* now.c: a tined that runs. */
doctor_check check_overflows;
doctor_check check_queues_now;
doctor_check check_retransmissions;
doctor_check check_stalls_now;
doctor_check check_descriptors_now;
doctor_check check_kills;
doctor_check check_peers;

/* limits.c: descriptors, processes and memory. */
doctor_check check_descriptors;
doctor_check check_file_table;
doctor_check check_processes;
doctor_check check_memory;

/* conntrack.c */
doctor_check check_conntrack;

#endif
