/*
 * guests: the clients of the status process (status_server.h), before it
 * serves them and after.  It serves one after another, and none before its
 * request is whole: who is silent, slow, or does not go, keeps nobody waiting.
 * What they send is only looked at, and stays in the socket, so that there is
 * nothing to keep and to hand over, as there is in the lot (berth.h).
 */
#ifndef TINED_GUESTS_H
#define TINED_GUESTS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* When one more comes, the one that has been here for the longest goes. */
#define GUESTS_MAX 64

struct guest {
	int fd;		/* -1: there is none */
	int64_t since;	/* clock_now() when it came, or was answered */
	bool late;	/* it has begun to ask, and does not come to an end */
	bool answered;	/* it is to go by itself, or else it is reset */
	size_t drained; /* bytes since then */
};

struct guests {
	int epoll;
	int listener; /* not owned */
	size_t max_head;
	int64_t patience; /* how long they may take to ask */
	char *scratch;	  /* owned; for what they send */
	struct guest at[GUESTS_MAX];
};

/* -1 with errno. */
int guests_init(
    struct guests *all, int listener, size_t max_head, int64_t patience);
void guests_free(struct guests *all);
/*
 * Waits until the deadline (clock.h) for one to be served.  NULL when something
 * else has happened: a signal of that mask, say.
 */
struct guest *guests_wait(
    struct guests *all, const sigset_t *mask, int64_t deadline);
/* None is let in any more. */
void guests_close_door(struct guests *all);
/* Whether there is one who has not been answered. */
bool guests_is_any(const struct guests *all);
/* It is served; and it is closed, at once or when it goes. */
void guests_release(struct guest *g);
void guests_see_off(struct guests *all, struct guest *g);

#endif
