/*
 * snapshot: the state of the server at one moment: sums over the scoreboard,
 * its workers, and the listening sockets.  All forms of the server's status
 * show one.
 */
#ifndef TINED_STATUS_SNAPSHOT_H
#define TINED_STATUS_SNAPSHOT_H

#include <time.h>

#include "net/backlog.h"
#include "net/listener.h"
#include "shared/scoreboard.h"
#include "shared/scoreboard_read.h"

struct status_worker {
	size_t number; /* from 1 on, as in logs and titles */
	int64_t age;   /* nanoseconds in its state */
	struct score_reading score;
};

struct status_listener {
	const char *url; /* the listener's */
	bool known;
	struct backlog backlog;
};

struct status_lot {
	uint64_t waiting[SCORE_WAITS];
	uint64_t served; /* of WAIT_LENT: kept by their workers before */
	uint64_t all;	 /* the sum of these, without WAIT_LENT */
	uint64_t peak, room, accepted, evicted, strays;
	uint64_t deferred; /* bytes of responses that it is to send */
};

struct status_snapshot {
	const char *version;
	pid_t master;
	int64_t uptime; /* nanoseconds */
	time_t time;	/* seconds since 1970 */
	bool stopping;

	/* of all workers, dead ones too */
	uint64_t counts[SCORE_COUNTS];
	uint64_t latency[HISTOGRAM_BUCKETS];
	uint64_t stalls[STALL_CAUSES][HISTOGRAM_BUCKETS];
	uint64_t stall_time[STALL_CAUSES];  /* nanoseconds */
	uint64_t stall_count[STALL_CAUSES]; /* the sums of the buckets */
	uint64_t spent[SCORE_STATES];
	uint64_t events[SCORE_EVENTS];

	/* of the workers that live */
	uint64_t by_state[SCORE_STATES];
	struct status_worker *workers; /* owned */
	size_t worker_count;

	bool has_lot;
	struct status_lot lot;
	struct status_listener *listeners; /* owned */
	size_t listener_count;
	bool knows_overflows;
	uint64_t overflows; /* of all listening sockets of this machine */
};

/* Must outlive the snapshot. */
struct status_sources {
	const struct scoreboard *board;
	/* NULL: sums only, without lists of workers and listeners, and without
	 * a use of memory. */
	const struct listeners *listeners;
	const struct backlog_overflows *overflows;
};

void status_take(
    struct status_snapshot *s, const struct status_sources *from, pid_t master);
void status_release(struct status_snapshot *s);

/* The number of workers that have a client. */
uint64_t status_busy(const struct status_snapshot *s);
bool status_is_busy(enum score_state state);
/* '_' for an idle worker, and so on: the letters of Apache's scoreboard. */
char status_letter(enum score_state state);

#endif
