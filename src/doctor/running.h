/*
 * running: what the kernel tells of a tined that runs (--doctor --pid).
 */
#ifndef TINED_DOCTOR_RUNNING_H
#define TINED_DOCTOR_RUNNING_H

#include <sys/types.h>

#include <netinet/in.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "doctor/netlink.h"
#include "net/stall.h"

struct host;

/* A TCP socket of one of its processes. */
struct running_socket {
	uint64_t inode;
	bool listens;
	uint32_t waiting, most;	 /* of a listener: clients in its queue */
	uint64_t sent, repeated; /* segments, of a connection */
	enum stall_cause waits;	 /* what its data in the kernel waits for */
	uint16_t port;		 /* its own */
	char local[INET6_ADDRSTRLEN + sizeof("[]:65535")];
	char peer[INET6_ADDRSTRLEN];
};

struct running {
	pid_t pid; /* of the master */

	/* The inodes of the sockets of all its processes, sorted. */
	uint64_t *inodes;
	size_t inode_count;
	struct running_socket *sockets;
	size_t socket_count;
	int socket_error; /* errno, if they are not known */
	bool elsewhere;	  /* they are in another network namespace */

	uint64_t overflows, overflows_now; /* in all, and in a second */
	int overflow_error;

	size_t processes;
	uint64_t descriptors; /* of the process that has most */
	pid_t fullest;
	int descriptor_error;
};

/*
 * Looks at the tined that has that process, for a second.  -1 with an error
 * message in *why if none has it.
 */
int running_look(
    struct running *r, const struct host *h, pid_t pid, struct buffer *why);
void running_free(struct running *r);

/* The steps of it: */

/* Finds the master that has that process. */
int running_find_master(
    const struct host *h, pid_t pid, pid_t *master, struct buffer *why);
/* Counts the processes and descriptors, and collects the inodes. */
void running_count(struct running *r, const struct host *h);
/* Adds a socket of sock_diag(7) if it is one of tined's; to: struct running. */
netlink_taker running_take_socket;
/*
 * Reads a counter of /proc/PID/net/netstat, which has a line of names above a
 * line of numbers.  False with errno.
 */
bool running_counter(
    const struct host *h, pid_t pid, const char *name, uint64_t *number);

#endif
