/*
 * clients: the clients of the status process (server.h) before and after it
 * serves them.  The process serves one client after another, and each only when
 * its request is complete, so that a slow client does not delay others.  Until
 * then it peeks at the request, which stays in the socket.
 */
#ifndef TINED_PROCESS_STATUS_SERVER_CLIENTS_H
#define TINED_PROCESS_STATUS_SERVER_CLIENTS_H

#include <sys/queue.h>

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

/* If there are more, the client that has waited longest is closed. */
#define STATUS_CLIENTS_MAX 64
/* How long a client may take to send a request, and to close after it. */
#define STATUS_CLIENTS_TIME CLOCK_SECOND

struct status_client {
	TAILQ_ENTRY(status_client) entry;
	int fd;
	int64_t deadline;
	bool request_timed_out; /* its request was not complete in time */
	bool answered;	/* waits for the client to close, to avoid a reset */
	size_t drained; /* bytes discarded since then */
};

struct status_clients {
	int epoll;
	int listener; /* not owned */
	size_t max_head;
	char *scratch; /* owned; for what clients send */
	size_t count;
	/* In the order of their deadlines, as all have the same timeout. */
	TAILQ_HEAD(status_client_queue, status_client) queue;
};

/* -1 with errno. */
int status_clients_init(
    struct status_clients *all, int listener, size_t max_head);
void status_clients_free(struct status_clients *all);
/*
 * Waits until the deadline (clock.h) for a client with a complete request.
 * Returns NULL after anything else, such as a signal that mask lets in.
 */
struct status_client *status_clients_wait(
    struct status_clients *all, const sigset_t *mask, int64_t deadline);
void status_clients_stop_accepting(struct status_clients *all);
/* True if a client has no response yet. */
bool status_clients_is_any(const struct status_clients *all);
/* Call one after a client was served: closes it now, or when it has closed. */
void status_clients_release(
    struct status_clients *all, struct status_client *c);
void status_clients_linger(struct status_clients *all, struct status_client *c);

#endif
