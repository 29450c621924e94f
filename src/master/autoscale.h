/*
 * autoscale: keeps the pool at its size: looks at what the workers do, asks the
 * plan (pool.h), and does as it says; and tells when there cannot be more
 * workers while clients wait.
 */
#ifndef TINED_MASTER_AUTOSCALE_H
#define TINED_MASTER_AUTOSCALE_H

#include "master/children.h"
#include "master/pool.h"
#include "master/shortage.h"

/*
 * What autoscale_fit counts with: a worker that has served large requests,
 * unless --max-worker-memory says more; and the processes themselves, with the
 * least that the lot has for its clients.
 */
#define AUTOSCALE_WORKER_MEMORY (UINT64_C(1) << 20)
#define AUTOSCALE_OTHER_MEMORY (UINT64_C(16) << 20)
#define AUTOSCALE_LOT_MIN (UINT64_C(4) << 20)
/* The socket of a client that waits, and what belongs to it in the kernel. */
#define AUTOSCALE_CLIENT_MEMORY 4096
/*
 * The most that clients in the lot need, and responses that wait
 * (deferred_budget.h).
 */
#define AUTOSCALE_LOT_MAX (UINT64_C(256) << 20)
#define AUTOSCALE_DEFERRED_MAX (UINT64_C(64) << 20)

/* How the memory of a control group is divided, in bytes. */
struct autoscale_memory {
	uint64_t lot;	   /* clients in it, with what they have sent */
	uint64_t client;   /* of that, each for its socket: 0 without a limit */
	uint64_t deferred; /* responses that wait for clients */
	uint64_t workers;  /* what is left */
};

/* So many workers can be added to those of the configuration. */
#define AUTOSCALE_MORE 32

struct autoscale {
	struct pool_limits limits;
	bool by_hand; /* by autoscale_add */
	struct pool_history history;
	struct shortage shortage;
	int64_t next;	 /* look again */
	int64_t looked;	 /* the last time */
	uint64_t served; /* requests, or clients without a lot, by then */
	size_t slots;	 /* of the scoreboard, that were ever used */
};

/* As the configuration says. */
struct pool_limits autoscale_limits(const struct config *c);
/* "8 workers" or "4 to 256 workers" */
void autoscale_describe(struct buffer *b, const struct pool_limits *limits);

/* Of so much; UINT64_MAX: there is no limit. */
struct autoscale_memory autoscale_divide(
    const struct config *c, uint64_t memory);
/*
 * As many workers as that memory has room for, by an estimate, or fewer: what
 * the command line says stays, and a default becomes smaller.  Adds a line
 * about it, or nothing when there is room enough; true when it is a warning.
 */
bool autoscale_fit(struct config *c, uint64_t memory, struct buffer *words);
/*
 * The same while the server runs, with the memory that there is by now; unless
 * somebody has changed the number.  False: nothing is other than before.
 */
bool autoscale_fit_again(struct autoscale *s, struct config *c, uint64_t memory,
    struct buffer *words);
/* How many slots of the scoreboard there have to be. */
size_t autoscale_slots(const struct config *c);

/*
 * Whether a worker is not soon there for others (now: clock_now()).  Without a
 * lot it is not while its client stays.
 */
bool autoscale_is_occupied(
    const struct config *c, const struct score *score, int64_t now);

void autoscale_init(struct autoscale *s, const struct inherited *inherited);
/* Looks, and starts or retires workers.  Whenever something has happened. */
void autoscale_act(struct autoscale *s, struct children *all);
/* When that is to be called at the latest (clock.h). */
int64_t autoscale_next(const struct autoscale *s);
/* One worker more or less, at the least and if need be at the most. */
void autoscale_add(struct autoscale *s, const struct children *all, int more);

#endif
