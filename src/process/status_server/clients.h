/*
 * clients: the clients of the status process (server.h), before it serves them
 * and after.  The process serves one client after another, and each only when
 * its request is whole, so that a silent or slow client keeps nobody waiting.
 * Until then the request is only looked at and stays in the socket: unlike the
 * lot, which hands bytes over, this has nothing to keep.
 */
#ifndef TINED_PROCESS_STATUS_SERVER_CLIENTS_H
#define TINED_PROCESS_STATUS_SERVER_CLIENTS_H

#include <sys/queue.h>

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

/* When one more comes, the one that has waited longest is closed. */
#define STATUS_CLIENTS_MAX 64
/* How long a client may take to ask, and to close after its answer. */
#define STATUS_CLIENTS_TIME CLOCK_SECOND

struct status_client {
	TAILQ_ENTRY(status_client) entry;
	int fd;
	int64_t deadline;
	bool late;	/* its request has begun, and is not whole in time */
	bool answered;	/* it is to close first, or else it is reset */
	size_t drained; /* bytes since then */
};

struct status_clients {
	int epoll;
	int listener; /* not owned */
	size_t max_head;
	char *scratch; /* owned; for what clients send */
	size_t count;
	/* In the order of their deadlines, as all have the same time. */
	TAILQ_HEAD(status_client_queue, status_client) queue;
};

/* -1 with errno. */
int status_clients_init(
    struct status_clients *all, int listener, size_t max_head);
void status_clients_free(struct status_clients *all);
/*
 * Waits until the deadline (clock.h) for a client to be served.  NULL when
 * something else has happened: a signal of that mask, say.
 */
struct status_client *status_clients_wait(
    struct status_clients *all, const sigset_t *mask, int64_t deadline);
void status_clients_stop_accepting(struct status_clients *all);
/* Whether there is one that has not been answered. */
bool status_clients_is_any(const struct status_clients *all);
/* After it was served: closes it at once, or when the client has closed. */
void status_clients_release(
    struct status_clients *all, struct status_client *c);
void status_clients_linger(struct status_clients *all, struct status_client *c);

#endif
