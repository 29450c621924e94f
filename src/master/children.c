#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "handlers/mount.h"
#include "master/children.h"
#include "master/exit_report.h"
#include "master/site_opener.h"
#include "master/takeover.h"
#include "os/signals.h"
#include "shared/scoreboard_read.h"

/* How often the master checks whether the status process has ended. */
#define STATUS_TICK (5 * CLOCK_MILLISECOND)

void
children_init(
    struct children *all, struct inherited *inherited, void (*leave)(void))
{
	*all = (struct children){
	    .count = inherited->board->count,
	    .total = inherited->board->count + CHILD_KINDS - 1,
	    .inherited = inherited,
	    .leave = leave,
	    .next = CLOCK_NEVER,
	};
	all->at = memory_get_array(all->total, sizeof(all->at[0]));
	for (enum child_kind kind = CHILD_LOT; kind < CHILD_KINDS; kind++)
		child_of(all, kind)->kind = kind;
}

void
children_free(struct children *all)
{
	free(all->at);
	*all = (struct children){0};
}

struct child *
child_of(const struct children *all, enum child_kind kind)
{
	return &all->at[all->count + kind - 1];
}

size_t
child_slot(const struct children *all, const struct child *child)
{
	return (size_t)(child - all->at);
}

/* Returns the counter for this worker, which is not retiring. */
static size_t *
count_of(struct children *all, const struct child *child)
{
	return child->ahead ? &all->ahead : &all->running;
}

static int64_t
doubled(int64_t ms, int times, int64_t max)
{
	while (times-- > 0 && ms < max)
		ms *= 2;
	return (ms < max ? ms : max) * CLOCK_MILLISECOND;
}

void
child_throttle(struct child *child)
{
	child->not_before = clock_now() +
	    doubled(CHILD_THROTTLE_FIRST_MS, child->failures,
		CHILD_THROTTLE_MAX_MS);
	child->failures++;
}

/*
 * Logs the first of several failures.  The cause may be a lack of memory, or a
 * limit that an operator has to raise.
 */
static void
fork_failed(struct children *all, const char *name)
{
	if (all->fork_failures == 0)
		log_error("cannot start a %s: %s; trying again until it works",
		    name, strerror(errno));
	all->fork_not_before = clock_now() +
	    doubled(CHILD_THROTTLE_FIRST_MS, all->fork_failures,
		CHILD_FORK_PAUSE_MAX_MS);
	all->fork_failures++;
}

static void
fork_worked(struct children *all)
{
	if (all->fork_failures > 0)
		log_notice("processes can be started again");
	all->fork_failures = 0;
}

/* In the child: first closes what only the master may read or send. */
static _Noreturn void
become(const struct children *all, const struct child *child, pid_t master)
{
	const struct child_row *row = &child_table[child->kind];
	size_t slot = child_slot(all, child);

	mount_clear_fork();
	all->leave();
	takeover_leave();
	successor_leave(&all->successor);
	successor_leave(&all->new_master);
	if (all->before != NULL)
		site_close_directories(&all->before->site);
	if (all->opener != NULL)
		site_opener_leave(all->opener);
	if (child_table_confine(child->kind, all->inherited, slot) == -1) {
		log_error("cannot start a %s: %s", row->name, strerror(errno));
		exit(EXIT_FAILURE);
	}
	exit(row->run(all->inherited, slot, master));
}

static bool
child_start(struct children *all, struct child *child)
{
	const struct child_row *row = &child_table[child->kind];
	struct inherited *h = all->inherited;
	size_t slot = child_slot(all, child);
	pid_t master = getpid();
	pid_t pid;

	if (row->logs != NULL)
		atomic_store(row->logs(h, slot), h->logs);
	if (row->prepare != NULL)
		row->prepare(h, slot);
	/*
	 * A worker logs nothing until it is ready, unless its failure is to be
	 * logged.
	 */
	log_mute(
	    child->kind == CHILD_WORKER && !restart_should_log(&all->restart));
	pid = fork();
	if (pid == 0)
		become(all, child, master);
	log_mute(false);
	if (pid == -1) {
		fork_failed(all, row->name);
		if (row->prepare != NULL)
			row->clear(h, slot);
		return false;
	}
	fork_worked(all);
	if (row->started != SCORE_EVENTS)
		scoreboard_add(h->board, row->started);
	*child = (struct child){
	    .kind = child->kind,
	    .pid = pid,
	    .started = clock_now(),
	    .failures = child->failures,
	    .not_before = child->not_before,
	};
	all->fresh = true;
	return true;
}

static void
start_worker(struct children *all, struct child *child, bool ahead)
{
	if (!child_start(all, child))
		return;
	child->ahead = ahead;
	(*count_of(all, child))++;
	log_debug("worker %zu[%d] is started", child_slot(all, child) + 1,
	    (int)child->pid);
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t
child_next(const struct children *all, enum child_kind kind)
{
	const struct child *child = child_of(all, kind);

	if (child->pid != 0 || !child_table[kind].is_wanted(all->inherited))
		return CLOCK_NEVER;
	return later(child->not_before, all->fork_not_before);
}

void
child_spawn_one(struct children *all, enum child_kind kind)
{
	if (child_next(all, kind) <= clock_now())
		(void)child_start(all, child_of(all, kind));
}

void
child_end_status(struct children *all)
{
	const struct timespec tick = {0, STATUS_TICK};
	struct child *status = child_of(all, CHILD_STATUS);
	int64_t deadline = clock_now() + CHILD_STATUS_TIME;
	int signo = SIGNAL_STOP;

	if (status->pid == 0)
		return;
	kill(status->pid, SIGNAL_STOP);
	while (waitpid(status->pid, NULL, WNOHANG) == 0) {
		if (clock_now() > deadline && signo == SIGKILL)
			break; /* the kernel cannot end it, because a device hangs */
		if (clock_now() > deadline) {
			signo = SIGKILL;
			kill(status->pid, SIGKILL);
			deadline = clock_now() + CHILD_STATUS_TIME;
		}
		nanosleep(&tick, NULL);
	}
	status->pid = 0;
}

/* Returns the first free slot that is not throttled, or all->count. */
static size_t
find_free(const struct children *all, int64_t now)
{
	size_t i = 0;

	while (i < all->count &&
	    (all->at[i].pid != 0 || all->at[i].not_before > now))
		i++;
	return i;
}

/* Counts throttled slots, and notes when the first of them may start again. */
static int
count_throttled(struct children *all, int64_t now)
{
	int count = 0;

	all->next = CLOCK_NEVER;
	for (size_t i = 0; i < all->count; i++) {
		const struct child *child = &all->at[i];

		if (child->pid != 0 || child->not_before <= now)
			continue;
		count++;
		if (child->not_before < all->next)
			all->next = child->not_before;
	}
	return count;
}

bool
child_is_starting(const struct children *all, const struct child *child)
{
	const struct child_row *row = &child_table[child->kind];

	return child->pid != 0 && row->is_starting != NULL &&
	    row->is_starting(all->inherited, child_slot(all, child));
}

static bool
is_any_starting(const struct children *all)
{
	for (size_t i = 0; i < all->count; i++)
		if (child_is_starting(all, &all->at[i]))
			return true;
	return false;
}

int64_t
child_starting_until(const struct children *all)
{
	int64_t until = 0;

	for (size_t i = 0; i < all->total; i++)
		if (child_is_starting(all, &all->at[i]))
			until = later(until,
			    all->at[i].started +
				all->inherited->config.start_timeout);
	return until;
}

static int64_t
pool_not_before(const struct children *all)
{
	return later(all->restart.not_before, all->fork_not_before);
}

/* While it is unknown whether workers can start, only one at a time starts. */
static void
children_spawn(struct children *all, int wanted, bool ahead)
{
	int64_t now = clock_now();
	int64_t not_before;
	size_t slot;

	wanted -= count_throttled(all, now);
	if (all->running == 0)
		all->restart.proven = false;
	if (!all->restart.proven && wanted > 0)
		wanted = is_any_starting(all) ? 0 : 1;
	for (; wanted > 0 && pool_not_before(all) <= now; wanted--) {
		slot = find_free(all, now);
		if (slot == all->count)
			return;
		start_worker(all, &all->at[slot], ahead);
	}
	not_before = pool_not_before(all);
	if (not_before > now)
		all->next = clock_sooner(all->next, not_before);
}

void
child_spawn(struct children *all, int wanted)
{
	children_spawn(all, wanted, false);
}

void
child_spawn_ahead(struct children *all, int wanted)
{
	children_spawn(all, wanted, true);
}

void
child_promote(struct children *all, size_t slot)
{
	all->at[slot].ahead = false;
	all->ahead--;
	all->running++;
}

bool
child_has_started(const struct children *all, size_t slot)
{
	struct score_reading score;

	score_read(scoreboard_slot(all->inherited->board, slot), &score);
	return score.pid == all->at[slot].pid && score.state != SCORE_STARTING;
}

void
child_retire(struct children *all, struct child *child)
{
	int stop = child_table[child->kind].stop;

	if (child->pid == 0 || child->retiring)
		return;
	child->retiring = true;
	kill(child->pid, stop != 0 ? stop : SIGNAL_STOP);
	if (child->kind != CHILD_WORKER)
		return;
	(*count_of(all, child))--;
	child->ahead = false;
	all->retiring++;
	log_debug("worker %zu[%d] is to retire", child_slot(all, child) + 1,
	    (int)child->pid);
}

static bool
may_retire(const struct child *child)
{
	return child->pid != 0 && !child->retiring && !child->ahead;
}

/* Begins with the last slots, so that the remaining workers have the first. */
void
child_retire_some(struct children *all, int count)
{
	const struct scoreboard *board = all->inherited->board;

	for (size_t i = all->count; i > 0 && count > 0; i--) {
		if (!may_retire(&all->at[i - 1]) ||
		    !scoreboard_is_idle(board, i - 1))
			continue;
		child_retire(all, &all->at[i - 1]);
		count--;
	}
	for (size_t i = all->count; i > 0 && count > 0; i--) {
		if (!may_retire(&all->at[i - 1]))
			continue;
		child_retire(all, &all->at[i - 1]);
		count--;
	}
}

void
child_retire_all(struct children *all, int64_t before)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->at[i].started < before)
			child_retire(all, &all->at[i]);
}

void
child_forget(struct children *all, struct child *child)
{
	const struct child_row *row = &child_table[child->kind];

	if (child->kind == CHILD_WORKER && child->retiring)
		all->retiring--;
	else if (child->kind == CHILD_WORKER)
		(*count_of(all, child))--;
	child->pid = 0;
	child->retiring = false;
	child->ahead = false;
	if (row->clear != NULL)
		row->clear(all->inherited, child_slot(all, child));
}

void
child_signal(const struct children *all, enum child_kind kind, int signo)
{
	for (size_t i = 0; i < all->total; i++)
		if (all->at[i].kind == kind && all->at[i].pid != 0)
			kill(all->at[i].pid, signo);
}

/* Does not count idle clients, because they lose nothing. */
static void
log_lot(const struct children *all, const char *verb)
{
	const struct child *lot = child_of(all, CHILD_LOT);
	const struct score_lot *score = all->inherited->board->lot;
	unsigned long long sends = score_lot_waiting(score, WAIT_SEND);
	unsigned long long asks = score_lot_waiting(score, WAIT_HEAD) +
	    score_lot_waiting(score, WAIT_BODY) +
	    score_lot_waiting(score, WAIT_WORKER);

	if (lot->pid != 0 && sends + asks > 0)
		log_warning("%s the lot[%d] with %llu requests queued and "
			    "%llu responses in flight",
		    verb, (int)lot->pid, asks, sends);
}

void
child_log_all(const struct children *all, const char *verb)
{
	log_lot(all, verb);
	for (size_t i = 0; i < all->count; i++) {
		struct buffer doing = {0};
		struct score_reading score;

		if (all->at[i].pid == 0)
			continue;
		score_read(scoreboard_slot(all->inherited->board, i), &score);
		exit_report_describe(&doing, &score);
		log_warning("%s worker %zu[%d] %s", verb, i + 1,
		    (int)all->at[i].pid, buffer_string(&doing));
		buffer_free(&doing);
	}
}

int64_t
child_next_spawn(const struct children *all)
{
	int64_t next = all->next;

	for (enum child_kind kind = CHILD_LOT; kind < CHILD_KINDS; kind++)
		next = clock_sooner(next, child_next(all, kind));
	return next;
}

struct child *
child_find(const struct children *all, pid_t pid)
{
	for (size_t i = 0; i < all->total; i++)
		if (all->at[i].pid == pid)
			return &all->at[i];
	return NULL;
}

bool
child_is_any(const struct children *all)
{
	return child_is_any_worker(all) || child_of(all, CHILD_LOT)->pid != 0;
}

bool
child_is_any_worker(const struct children *all)
{
	return all->running + all->ahead + all->retiring > 0;
}
