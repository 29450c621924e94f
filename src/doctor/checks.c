#include <string.h>

#include "doctor/checks.h"

const struct doctor_entry doctor_checks[] = {
    {"accept queue", check_accept_queue},
    {"queue overflow", check_queue_overflow},
    {"SYN queue", check_syn_queue},
    {"connection tracking", check_conntrack},
    {"descriptors", check_descriptors},
    {"open files of the host", check_file_table},
    {"processes", check_processes},
    {"memory", check_memory},
    {"TCP memory", check_tcp_memory},
    {"disk of the logs", check_log_disk},
    {"sandbox", check_sandbox},
    {"idle connections", check_keepalive},
    {"proxy in front", check_proxy},
    {"ports as a client", check_ports},
    {"ports to listen on", check_listen_ports},
    {"TIME_WAIT", check_time_wait},
    {"TCP options", check_tcp_options},
    {"congestion control", check_congestion_control},
    {"socket buffers", check_socket_buffers},
    {"initial windows", check_initial_windows},
    {"window after idling", check_idle_window},
    {"queueing", check_queueing},
    {"clock", check_clock},
    {"fast open", check_fast_open},
};

const size_t doctor_check_count =
    sizeof(doctor_checks) / sizeof(doctor_checks[0]);

const struct doctor_entry doctor_running_checks[] = {
    {"overflows", check_overflows},
    {"accept queue", check_queues_now},
    {"descriptors", check_descriptors_now},
    {"memory", check_kills},
    {"retransmissions", check_retransmissions},
    {"stalls", check_stalls_now},
    {"proxy in front", check_peers},
};

const size_t doctor_running_check_count =
    sizeof(doctor_running_checks) / sizeof(doctor_running_checks[0]);

bool
check_has_application(const struct config *c)
{
	for (size_t i = 0; i < c->mounts.count; i++) {
		const char *kind = c->mounts.at[i].kind;

		if (strcmp(kind, "file") != 0 && strcmp(kind, "echo") != 0 &&
		    strcmp(kind, "status") != 0)
			return true;
	}
	return false;
}
