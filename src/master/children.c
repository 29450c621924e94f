#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "master/children.h"
#include "master/exit_report.h"
#include "master/takeover.h"
#include "os/signals.h"
#include "process/lot/lot.h"
#include "process/status_server/server.h"
#include "process/worker/worker.h"

/* Between looks for the end of the status process, in nanoseconds. */
#define STATUS_TICK (5 * CLOCK_MILLISECOND)

void
children_init(
    struct children *all, struct inherited *inherited, void (*leave)(void))
{
	*all = (struct children){
	    .count = inherited->board->count,
	    .inherited = inherited,
	    .leave = leave,
	    .next = CLOCK_NEVER,
	};
	all->at = memory_get_array(all->count, sizeof(all->at[0]));
}

void
children_free(struct children *all)
{
	free(all->at);
	*all = (struct children){0};
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

/* For want of memory, say, and told once: the limit is not ours to mend. */
static void
fork_failed(struct children *all, int64_t *not_before, const char *name)
{
	if (all->fork_failures == 0)
		log_error("cannot start %s: %s; trying again until it works",
		    name, strerror(errno));
	*not_before = clock_now() +
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

static void
child_register(struct children *all, size_t slot, pid_t pid, bool ahead)
{
	all->at[slot].pid = pid;
	all->at[slot].started = clock_now();
	all->at[slot].retiring = false;
	all->at[slot].hung = 0;
	all->at[slot].late = false;
	all->fresh = true;
	all->at[slot].ahead = ahead;
	if (ahead)
		all->ahead++;
	else
		all->running++;
	fork_worked(all);
	scoreboard_add(all->inherited->board, EVENT_STARTED);
	log_debug("worker %zu[%d] is started", slot + 1, (int)pid);
}

/*
 * Each child lets go of what it has no use for: nobody who takes it over can
 * use it then.  In all children: what the master alone is to hear, or to say.
 */
static void
leave_master(const struct children *all)
{
	struct inherited *h = all->inherited;

	all->leave();
	takeover_leave();
	successor_leave(&all->successor);
	successor_leave(&all->new_master);
	wakeup_only_send(&h->started);
	wakeup_only_send(&h->wanted);
	close(h->control.to);
	h->control.to = -1;
}

static void
leave_status(const struct children *all)
{
	const struct listeners *l = &all->inherited->status.listeners;

	for (size_t i = 0; i < l->count; i++)
		close(l->at[i].fd);
}

/* What other lots say is the lot's to hear; it waits for the end of that. */
static void
leave_other_lots(struct inherited *h)
{
	channel_close(&h->successor);
	channel_close(&h->predecessor);
}

/*
 * What is parked is also received by workers, when the server stops; whether
 * it has been received they ask at any time.
 */
static void
become_worker(const struct children *all)
{
	struct inherited *h = all->inherited;

	leave_master(all);
	leave_status(all);
	leave_other_lots(h);
	handoff_only_receive(&h->ready);
	if (h->client_limit != NULL)
		wakeup_only_send(&h->client_limit->freed);
}

/* What it has handed over it takes back when it moves. */
static void
become_lot(const struct children *all)
{
	struct inherited *h = all->inherited;

	leave_master(all);
	leave_status(all);
	wakeup_close(&h->started);
	wakeup_close(&h->lot_ended);
	handoff_only_receive(&h->parked);
	if (h->client_limit != NULL)
		wakeup_only_take(&h->client_limit->freed);
}

static void
become_status(const struct children *all)
{
	struct inherited *h = all->inherited;

	leave_master(all);
	leave_other_lots(h);
	wakeup_close(&h->started);
	wakeup_close(&h->wanted);
	wakeup_close(&h->lot_ended);
	channel_close(&h->parked);
	channel_close(&h->ready);
	if (h->client_limit != NULL)
		wakeup_close(&h->client_limit->freed);
}

void
child_prove(struct children *all)
{
	restart_note_ready(&all->restart);
}

static void
spawn_one(struct children *all, size_t slot, bool ahead)
{
	struct inherited *h = all->inherited;
	pid_t master = getpid();
	pid_t pid;

	atomic_store(&scoreboard_slot(h->board, slot)->logs, h->logs);
	scoreboard_use(h->board, slot);
	score_start(scoreboard_slot(h->board, slot), 0);
	log_mute(!restart_should_log(&all->restart)); /* until it is ready */
	pid = fork();
	if (pid == 0) {
		become_worker(all);
		exit(worker_run(h, slot, master));
	}
	log_mute(false);
	if (pid == -1) {
		fork_failed(all, &all->restart.not_before, "a worker");
		score_end(scoreboard_slot(h->board, slot));
	} else {
		child_register(all, slot, pid, ahead);
	}
}

void
child_spawn_lot(struct children *all)
{
	pid_t master = getpid();
	pid_t pid;

	if (all->inherited->config.no_lot || all->lot.pid != 0 ||
	    all->lot.not_before > clock_now())
		return;
	atomic_store(&all->inherited->board->lot->logs, all->inherited->logs);
	pid = fork();
	if (pid == 0) {
		become_lot(all);
		exit(lot_run(all->inherited, master));
	}
	if (pid == -1) {
		fork_failed(all, &all->lot.not_before, "the lot");
		return;
	}
	fork_worked(all);
	scoreboard_add(all->inherited->board, EVENT_LOTS);
	all->lot.pid = pid;
	all->lot.started = clock_now();
	all->lot.retiring = false;
	all->fresh = true;
}

void
child_spawn_status(struct children *all)
{
	pid_t master = getpid();
	pid_t pid;

	if (all->inherited->status.listeners.count == 0 ||
	    all->status.pid != 0 || all->status.not_before > clock_now())
		return;
	pid = fork();
	if (pid == 0) {
		become_status(all);
		exit(status_server_run(all->inherited, master));
	}
	if (pid == -1) {
		fork_failed(all, &all->status.not_before, "the status process");
		return;
	}
	fork_worked(all);
	all->status.pid = pid;
	all->status.started = clock_now();
}

void
child_renew_status(const struct children *all)
{
	if (all->status.pid != 0)
		kill(all->status.pid, SIGNAL_STOP);
}

void
child_end_status(struct children *all)
{
	const struct timespec tick = {0, STATUS_TICK};
	int64_t deadline = clock_now() + CHILD_STATUS_TIME;
	int signo = SIGNAL_STOP;

	if (all->status.pid == 0)
		return;
	kill(all->status.pid, SIGNAL_STOP);
	while (waitpid(all->status.pid, NULL, WNOHANG) == 0) {
		if (signo != SIGKILL && clock_now() > deadline) {
			signo = SIGKILL;
			kill(all->status.pid, SIGKILL);
		}
		nanosleep(&tick, NULL);
	}
	all->status.pid = 0;
}

/* The first free slot that is not throttled, or count. */
static size_t
find_free(const struct children *all, int64_t now)
{
	size_t i = 0;

	while (i < all->count &&
	    (all->at[i].pid != 0 || all->at[i].not_before > now))
		i++;
	return i;
}

/* Those whose successors have to wait; it notes until when. */
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

static bool
is_starting(const struct children *all, size_t slot)
{
	return all->at[slot].pid != 0 &&
	    score_state(scoreboard_slot(all->inherited->board, slot)) ==
	    SCORE_STARTING;
}

static bool
is_any_starting(const struct children *all)
{
	for (size_t i = 0; i < all->count; i++)
		if (is_starting(all, i))
			return true;
	return false;
}

bool
child_is_lot_starting(const struct children *all)
{
	return all->lot.pid != 0 &&
	    !score_lot_is_there(all->inherited->board->lot);
}

int64_t
child_starting_until(const struct children *all)
{
	int64_t until = 0;

	for (size_t i = 0; i < all->count; i++) {
		int64_t end =
		    all->at[i].started + all->inherited->config.start_timeout;

		if (is_starting(all, i) && end > until)
			until = end;
	}
	return until;
}

/* Where it is not known that they can start, one goes ahead of the others. */
static void
spawn(struct children *all, int wanted, bool ahead)
{
	int64_t now = clock_now();
	size_t slot;

	wanted -= count_throttled(all, now);
	if (all->running == 0)
		all->restart.proven = false;
	if (!all->restart.proven && wanted > 0)
		wanted = is_any_starting(all) ? 0 : 1;
	for (; wanted > 0 && all->restart.not_before <= now; wanted--) {
		slot = find_free(all, now);
		if (slot == all->count)
			return;
		spawn_one(all, slot, ahead);
	}
	if (all->restart.not_before > now &&
	    all->restart.not_before < all->next)
		all->next = all->restart.not_before;
}

void
child_spawn(struct children *all, int wanted)
{
	spawn(all, wanted, false);
}

void
child_spawn_ahead(struct children *all, int wanted)
{
	spawn(all, wanted, true);
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

/* The count that it is in, besides that of those who retire. */
static size_t *
count_of(struct children *all, const struct child *child)
{
	return child->ahead ? &all->ahead : &all->running;
}

void
child_retire(struct children *all, size_t slot)
{
	struct child *child = &all->at[slot];

	if (child->pid == 0 || child->retiring)
		return;
	(*count_of(all, child))--;
	child->ahead = false;
	child->retiring = true;
	all->retiring++;
	kill(child->pid, SIGTERM);
	log_debug("worker %zu[%d] is to retire", slot + 1, (int)child->pid);
}

static bool
may_retire(const struct child *child)
{
	return child->pid != 0 && !child->retiring && !child->ahead;
}

/* The last first, so that what remains is at the beginning. */
void
child_retire_some(struct children *all, int count)
{
	const struct scoreboard *board = all->inherited->board;

	for (size_t i = all->count; i > 0 && count > 0; i--) {
		if (!may_retire(&all->at[i - 1]) ||
		    !scoreboard_is_idle(board, i - 1))
			continue;
		child_retire(all, i - 1);
		count--;
	}
	for (size_t i = all->count; i > 0 && count > 0; i--) {
		if (!may_retire(&all->at[i - 1]))
			continue;
		child_retire(all, i - 1);
		count--;
	}
}

void
child_retire_all(struct children *all, int64_t before)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->at[i].started < before)
			child_retire(all, i);
}

void
child_move_lot(struct children *all)
{
	if (all->lot.pid != 0)
		kill(all->lot.pid, SIGNAL_MOVE);
}

void
child_keep_lot(struct children *all)
{
	if (all->lot.pid != 0)
		kill(all->lot.pid, SIGNAL_STAY);
}

void
child_end_lot(struct children *all)
{
	if (all->lot.pid == 0 || all->lot.retiring)
		return;
	all->lot.retiring = true;
	kill(all->lot.pid, SIGNAL_STOP);
}

void
child_forget(struct children *all, struct child *child)
{
	size_t slot = (size_t)(child - all->at);

	child->pid = 0;
	if (child->retiring)
		all->retiring--;
	else
		(*count_of(all, child))--;
	child->retiring = false;
	child->ahead = false;
	scoreboard_set_idle(all->inherited->board, slot, false);
	if (all->inherited->client_limit != NULL)
		client_limit_leave(all->inherited->client_limit, slot);
	if (all->inherited->deferred_budget != NULL)
		deferred_budget_forget(all->inherited->deferred_budget, slot);
}

void
child_signal_all(const struct children *all, int signo)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->at[i].pid != 0)
			kill(all->at[i].pid, signo);
}

/* Idle clients do not count: they lose nothing. */
static void
log_lot(const struct children *all, const char *why)
{
	const atomic_uint_least64_t *waiting =
	    all->inherited->board->lot->waiting;
	unsigned long long sends = atomic_load(&waiting[WAIT_SEND]);
	unsigned long long asks = atomic_load(&waiting[WAIT_HEAD]) +
	    atomic_load(&waiting[WAIT_BODY]) +
	    atomic_load(&waiting[WAIT_WORKER]);

	if (all->lot.pid != 0 && sends + asks > 0)
		log_warning(
		    "the lot[%d] %s while requests wait in it (%llu) and "
		    "responses are sent by it (%llu)",
		    (int)all->lot.pid, why, asks, sends);
}

void
child_log_all(const struct children *all, const char *why)
{
	log_lot(all, why);
	for (size_t i = 0; i < all->count; i++) {
		struct buffer doing = {0};
		struct score_reading score;

		if (all->at[i].pid == 0)
			continue;
		score_read(scoreboard_slot(all->inherited->board, i), &score);
		exit_report_describe(&doing, &score);
		log_warning("worker %zu[%d] %s %s", i + 1, (int)all->at[i].pid,
		    why, buffer_string(&doing));
		buffer_free(&doing);
	}
}

int64_t
child_next_lot(const struct children *all)
{
	if (all->lot.pid != 0 || all->inherited->config.no_lot)
		return CLOCK_NEVER;
	return all->lot.not_before;
}

int64_t
child_next_spawn(const struct children *all)
{
	int64_t next = child_next_lot(all);

	if (all->next < next)
		next = all->next;
	if (all->status.pid == 0 &&
	    all->inherited->status.listeners.count > 0 &&
	    all->status.not_before < next)
		next = all->status.not_before;
	return next;
}

bool
child_is(const struct children *all, pid_t pid)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->at[i].pid == pid)
			return true;
	return false;
}

bool
child_is_any(const struct children *all)
{
	return child_is_any_worker(all) || all->lot.pid != 0;
}

bool
child_is_any_worker(const struct children *all)
{
	return all->running + all->ahead + all->retiring > 0;
}
