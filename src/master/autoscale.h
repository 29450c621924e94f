/*
 * autoscale: adjusts the number of workers.  It reads the state of the workers,
 * asks pool.h for a plan and executes it.  It logs when clients wait and there
 * cannot be more workers.
 */
#ifndef TINED_MASTER_AUTOSCALE_H
#define TINED_MASTER_AUTOSCALE_H

#include "master/children.h"
#include "master/pool.h"
#include "master/shortage.h"

/*
 * The estimates of autoscale_fit: for a worker that has served large requests,
 * with a cache of the default size, unless --max-worker-memory is larger; for
 * the other processes; and the minimum for the lot's clients.
 */
#define AUTOSCALE_WORKER_MEMORY (UINT64_C(1) << 20)
#define AUTOSCALE_OTHER_MEMORY (UINT64_C(16) << 20)
#define AUTOSCALE_LOT_MIN (UINT64_C(4) << 20)
/* The kernel's memory for the socket of a client in the lot. */
#define AUTOSCALE_CLIENT_MEMORY 4096
/*
 * The limits for clients in the lot, and for deferred responses
 * (deferred_budget.h).
 */
#define AUTOSCALE_LOT_MAX (UINT64_C(256) << 20)
#define AUTOSCALE_DEFERRED_MAX (UINT64_C(4) << 30)

/* How the memory of a control group is divided, in bytes. */
struct autoscale_memory {
	uint64_t lot;	   /* for clients in the lot and their data */
	uint64_t client;   /* of that, for each socket; 0 without a limit */
	uint64_t deferred; /* for deferred responses: --response-memory */
	uint64_t workers;  /* the rest */
};

/* How many workers SIGTTIN can add to the configured number. */
#define AUTOSCALE_MORE 32

struct autoscale {
	struct pool_limits limits;
	bool by_hand; /* autoscale_add has changed limits */
	struct pool_history history;
	struct shortage shortage;
	int64_t next;	 /* the next check (clock.h) */
	int64_t looked;	 /* the last check */
	uint64_t served; /* requests until then; clients, without a lot */
	size_t slots;	 /* slots of the scoreboard that were ever used */
};

/* Returns the limits of the configuration. */
struct pool_limits autoscale_limits(const struct config *c);
/* Adds "8 workers" or "4 to 256 workers". */
void autoscale_describe(struct buffer *b, const struct pool_limits *limits);

/*
 * Divides that much memory, in bytes; UINT64_MAX: there is no limit but that of
 * the machine.
 */
struct autoscale_memory autoscale_divide(
    const struct config *c, uint64_t memory);
/*
 * Estimates how many workers that memory has room for, at least 1, and the
 * memory of each.
 */
int autoscale_room(const struct config *c, uint64_t memory, uint64_t *each);
/*
 * Lowers the default number of workers to what that memory has room for, by an
 * estimate; does not change a number from the command line.  If there is too
 * little memory, adds a line about it to *words; true if it is a warning.
 */
bool autoscale_fit(struct config *c, uint64_t memory, struct buffer *words);
/*
 * The same while the server runs, with the current limit, unless somebody has
 * changed the number of workers.  False if nothing has changed.
 */
bool autoscale_fit_again(struct autoscale *s, struct config *c, uint64_t memory,
    struct buffer *words);
/* Returns the number of slots that the scoreboard needs. */
size_t autoscale_slots(const struct config *c);

/*
 * True if a worker will not be free for other clients soon.  Without a lot it
 * is occupied until its client leaves.  now is clock_now().
 */
bool autoscale_is_occupied(
    const struct config *c, const struct score *score, int64_t now);

void autoscale_init(struct autoscale *s, const struct inherited *inherited);
/* Starts or retires workers.  Call it whenever something has happened. */
void autoscale_act(struct autoscale *s, struct children *all);
/* Returns when to call autoscale_act at the latest (clock.h). */
int64_t autoscale_next(const struct autoscale *s);
/* SIGTTIN, SIGTTOU: adds more (1 or -1) to the minimum; see tined(8). */
void autoscale_add(struct autoscale *s, const struct children *all, int more);

#endif
