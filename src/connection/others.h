/*
 * others: the clients that a worker keeps between their requests
 * (process/worker/kept.c), while it serves another one: they wait for it.  That is
 * shorter than a hand-over as long as the worker is busy, but not while it waits
 * itself, for the server behind a gateway or for a slow client.  So what waits
 * during a request does it by this module: for a moment the others wait along; then
 * the worker lets go of them, so that other workers serve them.
 */
#ifndef TINED_CONNECTION_OTHERS_H
#define TINED_CONNECTION_OTHERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/*
 * How long they wait along, from the first wait of a request: where another worker
 * is idle; and in any case.
 */
#define OTHERS_PATIENCE (2 * CLOCK_MILLISECOND)
#define OTHERS_LONGEST (10 * CLOCK_MILLISECOND)
/*
 * After a request that was passed on, and for which it has let go of others, a worker
 * keeps nobody for so many times as long as that took, and for longer and longer if
 * the next such request follows soon: else it would keep clients and let go of them
 * again and again, and those that it does not keep would have more than their share
 * of it.
 */
#define OTHERS_PAUSE 10
#define OTHERS_PAUSE_MAX (5 * CLOCK_SECOND)

struct scoreboard;

/* In these functions NULL is a process that keeps no clients. */
struct others {
	bool are_kept;	   /* there are some at the moment */
	int64_t began;	   /* the first wait (clock.h); 0: there was none yet */
	bool has_let_go;   /* of others, since then */
	bool is_passed_on; /* the request, to another server */
	int64_t until;	   /* when to ask next whether to let go of them */
	int64_t pause;	   /* the last one; nanoseconds */
	int64_t pause_until; /* and its end: nobody is kept before that */
	const struct scoreboard *board;
	/* Lets go of all that it can, and sets are_kept. */
	void (*let_go)(void *keeper);
	void *keeper;
};

static inline bool
others_are_kept(const struct others *o)
{
	return o != NULL && o->are_kept;
}

/* False in that pause. */
bool others_may_be_kept(const struct others *o);
/* Another client is served from now on. */
void others_begin(struct others *o, bool are_kept);
/* Its request waits for another server, and not for the client alone. */
void others_pass_on(struct others *o);
/* A request of it has been answered. */
void others_end_request(struct others *o);

/*
 * Waits for these events of poll(2) until that time (clock.h), but not longer than
 * others wait along, and then lets go of them.  True if there are events; if not,
 * the caller may wait for as long as it likes.  Does not wait at all if no others
 * are kept.
 */
bool others_wait(struct others *o, int fd, short events, int64_t deadline);
/*
 * The same for those who wait for more than one descriptor: they wait until the
 * time that others_deadline returns, and then call others_end_wait.
 */
int64_t others_deadline(struct others *o, int64_t deadline);
void others_end_wait(struct others *o);

#endif
