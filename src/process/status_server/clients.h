/*
 * clients: the clients of the status process (server.h), before it serves them
 * and after.  It serves one after another, and none before its request is
 * whole: who is silent, slow, or does not go, keeps nobody waiting.  What they
 * send is only looked at, and stays in the socket, so that there is nothing to
 * keep and to hand over, as there is in the lot (parked connection.h).
 */
#ifndef TINED_PROCESS_STATUS_SERVER_CLIENTS_H
#define TINED_PROCESS_STATUS_SERVER_CLIENTS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* When one more comes, the one that has been here for the longest goes. */
#define STATUS_CLIENTS_MAX 64

struct status_client {
	int fd;		/* -1: there is none */
	int64_t since;	/* clock_now() when it came, or was answered */
	bool late;	/* it has begun to ask, and does not come to an end */
	bool answered;	/* it is to go by itself, or else it is reset */
	size_t drained; /* bytes since then */
};

struct status_clients {
	int epoll;
	int listener; /* not owned */
	size_t max_head;
	int64_t patience; /* how long they may take to ask */
	char *scratch;	  /* owned; for what they send */
	struct status_client at[STATUS_CLIENTS_MAX];
};

/* -1 with errno. */
int status_clients_init(struct status_clients *all, int listener,
    size_t max_head, int64_t patience);
void status_clients_free(struct status_clients *all);
/*
 * Waits until the deadline (clock.h) for one to be served.  NULL when something
 * else has happened: a signal of that mask, say.
 */
struct status_client *status_clients_wait(
    struct status_clients *all, const sigset_t *mask, int64_t deadline);
/* None is let in any more. */
void status_clients_stop_accepting(struct status_clients *all);
/* Whether there is one who has not been answered. */
bool status_clients_is_any(const struct status_clients *all);
/* It is served; and it is closed, at once or when it goes. */
void status_clients_release(struct status_client *g);
void status_clients_see_off(
    struct status_clients *all, struct status_client *g);

#endif
