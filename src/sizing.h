/*
 * sizing: keeps the pool at its size: looks at what the workers do, asks the
 * plan (pool.h), and does as it says; and tells when there cannot be more
 * workers while clients wait.
 */
#ifndef TINED_SIZING_H
#define TINED_SIZING_H

#include "child.h"
#include "pool.h"
#include "shortage.h"

/*
 * What sizing_fit counts with: a worker that has served large requests, unless
 * --max-worker-memory says more; and the processes themselves, with the least
 * that the lot has for its clients.
 */
#define SIZING_WORKER_MEMORY (UINT64_C(1) << 20)
#define SIZING_OTHER_MEMORY (UINT64_C(16) << 20)
#define SIZING_LOT_MIN (UINT64_C(4) << 20)
/* The socket of a client that waits, and what belongs to it in the kernel. */
#define SIZING_CLIENT_MEMORY 4096
/* The most that clients in the lot need, and responses that wait (ration.h). */
#define SIZING_LOT_MAX (UINT64_C(256) << 20)
#define SIZING_DEFERRED_MAX (UINT64_C(64) << 20)

/* How the memory of a control group is divided, in bytes. */
struct sizing_memory {
	uint64_t lot;	   /* clients in it, with what they have sent */
	uint64_t client;   /* of that, each for its socket: 0 without a limit */
	uint64_t deferred; /* responses that wait for clients */
	uint64_t workers;  /* what is left */
};

/* So many workers can be added to those of the configuration. */
#define SIZING_MORE 32

struct sizing {
	struct pool_limits limits;
	bool by_hand; /* by sizing_add */
	struct pool_history history;
	struct shortage shortage;
	int64_t next;	 /* look again */
	int64_t looked;	 /* the last time */
	uint64_t served; /* requests, or clients without a lot, by then */
	size_t slots;	 /* of the scoreboard, that were ever used */
};

/* As the configuration says. */
struct pool_limits sizing_limits(const struct config *c);
/* "8 workers" or "4 to 256 workers" */
void sizing_describe(struct buffer *b, const struct pool_limits *limits);

/* Of so much; UINT64_MAX: there is no limit. */
struct sizing_memory sizing_divide(const struct config *c, uint64_t memory);
/*
 * As many workers as that memory has room for, by an estimate, or fewer: what
 * the command line says stays, and a default becomes smaller.  Adds a line
 * about it, or nothing when there is room enough; true when it is a warning.
 */
bool sizing_fit(struct config *c, uint64_t memory, struct buffer *words);
/*
 * The same while the server runs, with the memory that there is by now; unless
 * somebody has changed the number.  False: nothing is other than before.
 */
bool sizing_fit_again(
    struct sizing *s, struct config *c, uint64_t memory, struct buffer *words);
/* How many slots of the scoreboard there have to be. */
size_t sizing_slots(const struct config *c);

/*
 * Whether a worker is not soon there for others (now: clock_now()).  Without a
 * lot it is not while its client stays.
 */
bool sizing_is_occupied(
    const struct config *c, const struct score *score, int64_t now);

void sizing_init(struct sizing *s, const struct heritage *heritage);
/* Looks, and starts or retires workers.  Whenever something has happened. */
void sizing_act(struct sizing *s, struct children *all);
/* When that is to be called at the latest (clock.h). */
int64_t sizing_next(const struct sizing *s);
/* One worker more or less, at the least and if need be at the most. */
void sizing_add(struct sizing *s, const struct children *all, int more);

#endif
