/*
 * scoreboard_read: all that any process reads of what a worker wrote.  A worker
 * may have been taken over, so each function copies a value once and returns it
 * within its valid range.  A wrong value within that range is a false report,
 * and does no other harm.
 *
 * The master reads of a worker, and nothing else:
 *
 *	its slot                        score_read, score_state, score_since,
 *	                                score_running_since, score_streams,
 *	                                score_came,
 *	                                score_began, score_has_request,
 *	                                score_count
 *	the request that has killed it  score_take_request
 *	the logs that it writes to      score_has_followed
 *	the common part                 scoreboard_is_idle, _count_idle,
 *	                                _wants_reload, _who_leaves, _is_asleep,
 *	                                score_lot_on_the_way
 *	its wake-ups                    wakeup_take: only that there are any
 *	its exit status                 waitpid(2): from the kernel
 *
 * The lot and workers also read other workers' clients (client_limit.h) and
 * their sums (deferred_budget.h), and receive their messages (channel.h).
 */
#ifndef TINED_SHARED_SCOREBOARD_READ_H
#define TINED_SHARED_SCOREBOARD_READ_H

#include "shared/scoreboard_types.h"

/* Of score_stalls. */
struct score_stall_sums {
	uint64_t counts[STALL_CAUSES][HISTOGRAM_BUCKETS];
	uint64_t time[STALL_CAUSES]; /* nanoseconds */
};

/* A slot as it was at one moment. */
struct score_reading {
	pid_t pid;
	enum score_state state;
	int64_t since, began;
	bool kept; /* the lot counts its client as idle */
	enum score_fate fate;
	int status;
	uint64_t content;
	uint64_t spent[SCORE_STATES];	     /* up to now */
	uint64_t counts[SCORE_COUNTS];	     /* of all workers of this slot */
	uint64_t latency[HISTOGRAM_BUCKETS]; /* the same */
	struct score_stall_sums stalls;
	uint64_t requests, bytes; /* of the current worker */
	char request[SCORE_REQUEST_MAX];
	char client[SCORE_CLIENT_MAX];
};

void score_read(const struct score *s, struct score_reading *out);
void score_read_stalls(
    const struct score_stalls *s, struct score_stall_sums *out);
enum score_state score_state(const struct score *s);
const char *score_state_name(enum score_state state);
/* Times are never in the future.  When its state has changed last. */
int64_t score_since(const struct score *s);
/* Returns when SCORE_RUNNING began; CLOCK_NEVER in another state. */
int64_t score_running_since(const struct score *s);
/* True if a part of its current or last response was sent before its end. */
bool score_streams(const struct score *s);
/* Returns when its current or last client came. */
int64_t score_came(const struct score *s);
/* Whether it has, or had last, a request; and when that began. */
bool score_has_request(const struct score *s);
int64_t score_began(const struct score *s);
uint64_t score_count(const struct score *s, enum score_count what);
/* True if it writes to the logs of that number (log_follow.h). */
bool score_has_followed(const struct score *s, unsigned number);
/*
 * Called by the master when the worker of that slot has died: gets its current
 * request and removes it.  False if there is none, or if it is not valid.  key
 * points into the caller's entry.
 */
bool score_take_request(struct score *s, struct quarantine_entry *entry,
    struct quarantine_key *key);

/* True if the worker of that slot, or any worker, waits for a connection. */
bool scoreboard_is_idle(const struct scoreboard *board, size_t slot);
bool scoreboard_has_idle(const struct scoreboard *board);
/* Counts idle workers, up to about enough. */
size_t scoreboard_count_idle(const struct scoreboard *board, size_t enough);
/* True if so many workers are idle or free (scoreboard_set_free). */
bool scoreboard_can_take(const struct scoreboard *board, size_t count);
/* True if the master waits until a worker has work (scoreboard_sleep). */
bool scoreboard_is_asleep(const struct scoreboard *board);
/* True if a worker requests a reload. */
bool scoreboard_wants_reload(const struct scoreboard *board);
/* Returns the worker that may end (scoreboard_may_leave), or 0. */
pid_t scoreboard_who_leaves(const struct scoreboard *board);

/* Returns when a process has last seen a stall (stall.h), or 0. */
int64_t scoreboard_stall_seen(const struct scoreboard *board, int64_t now);

/* What the lot wrote, which may have been taken over as well: */

/* True if a lot takes connections, as far as is known. */
bool score_lot_is_there(const struct score_lot *lot);
/* A limit on score_lot_waiting: more than a lot has descriptors. */
#define SCORE_LOT_MAX (UINT64_C(1) << 28)
uint64_t score_lot_waiting(const struct score_lot *lot, enum score_wait what);
/* As score_has_followed. */
bool score_lot_has_followed(const struct score_lot *lot, unsigned number);
/* The longest sleep of a lot that holds connections. */
#define SCORE_LOT_NAP (5 * CLOCK_SECOND)
/*
 * Returns when the lot should have run again, or will (clock.h): not much later
 * than now.  CLOCK_NEVER if it holds no connections and sleeps.
 */
int64_t score_lot_due(const struct score_lot *lot, int64_t now);
/* Returns a number that no two lots have; 0: there is none. */
uint32_t score_lot_number(const struct score_lot *lot);
/*
 * Called by a worker that has given a loan back: true if the lot sleeps, and must
 * be woken because it wants to know at once, or would sleep for longer than that.
 */
bool score_lot_must_wake(
    const struct score_lot *lot, int64_t now, int64_t longest);
/* True if it should have run about a second ago, and has not: it may be hung. */
bool score_lot_is_late(const struct score_lot *lot, int64_t now);
/* A limit on score_lot_on_the_way: more than a channel has room for. */
#define SCORE_CHANNEL_MAX 4096
/*
 * Returns the number of connections that the lot has sent and no worker has
 * received.  Approximate: it may include connections lost with a dead worker,
 * and is negative if one that counted as lost was not.  For certainty call
 * channel_has_message().
 */
int64_t score_lot_on_the_way(const struct scoreboard *board);
/* True if the lot has few descriptors left, or had a moment ago. */
bool score_lot_is_crowded(const struct score_lot *lot);

#endif
