#include <sys/wait.h>

#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "master/exit_report.h"
#include "master/quarantine_policy.h"
#include "master/reap.h"
#include "shared/scoreboard_read.h"

/* A child other than a worker that has run for so long has started well. */
#define PROVEN_TIME CLOCK_SECOND

/* A worker that was serving died of its request, and not of a failed start. */
static bool
has_served(const struct score_reading *score)
{
	return score->requests > 0 || score->state == SCORE_RUNNING ||
	    score->state == SCORE_WRITING || score->state == SCORE_WAITING;
}

/*
 * The worker died before it was ready.  restart.h limits how often this is
 * logged.
 */
static bool
is_bad_start(const struct exit_report *o)
{
	return o->score.state == SCORE_STARTING && exit_report_is_of_failure(o);
}

static void
report_end(struct children *all, const struct exit_report *o, bool quietly)
{
	bool logged = !is_bad_start(o) || restart_should_log(&all->restart);

	exit_report_publish(o, all->inherited, quietly || !logged);
	quarantine_policy_admit(all->inherited, o);
	if (!exit_report_is_of_failure(o) &&
	    o->pid == scoreboard_who_leaves(all->inherited->board))
		scoreboard_add(all->inherited->board, EVENT_RECYCLED);
}

/*
 * The replacement starts without a pause, unless the worker failed and had
 * served nothing.
 */
static void
slow_down(
    struct children *all, struct child *child, const struct exit_report *o)
{
	if (exit_report_is_of_failure(o))
		restart_note_death(&all->restart, clock_now());
	if (!exit_report_is_of_failure(o) || has_served(&o->score))
		child->failures = 0;
	else
		child_throttle(child);
	if (is_bad_start(o)) /* other workers would fail in the same way */
		restart_note_failure(&all->restart, child->not_before);
}

/* exit_report.timed_out */
static const char *
exceeded_option(const struct child *child, const struct score *slot)
{
	if (child->start_timed_out && score_state(slot) == SCORE_STARTING)
		return "--start-timeout";
	if (child->hung_since == 0 ||
	    child->hung_since != score_running_since(slot))
		return NULL;
	return score_streams(slot) ? "--stream-timeout" : "--request-timeout";
}

static void
reap_worker(struct children *all, struct child *child, int status, bool quietly)
{
	struct exit_report o = {
	    .slot = child_slot(all, child),
	    .pid = child->pid,
	    .status = status,
	    .retiring = child->retiring,
	};
	struct score *slot = scoreboard_slot(all->inherited->board, o.slot);

	o.timed_out = exceeded_option(child, slot);
	score_read(slot, &o.score);
	report_end(all, &o, quietly);
	child_forget(all, child);
	if (!quietly)
		slow_down(all, child, &o);
}

static void
reap_log_end(const struct child *child, int status)
{
	const struct child_row *row = &child_table[child->kind];
	struct buffer cause = {0};

	exit_report_add_cause(&cause, status);
	log_error("the %s[%d] %s%s%s", row->name, (int)child->pid,
	    buffer_string(&cause), row->loss,
	    child->retiring ? "" : "; a new one takes its place");
	buffer_free(&cause);
}

/* The connections that workers hold are not affected. */
static void
reap_other(struct children *all, struct child *child, int status, bool quietly)
{
	bool failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;

	if (failed && !quietly)
		reap_log_end(child, status);
	if (clock_now() - child->started >= PROVEN_TIME)
		child->failures = 0;
	if (failed)
		child_throttle(child);
	child_forget(all, child);
}

static void
note_stop(struct child *child, int status)
{
	child->stopped = WIFSTOPPED(status) ? clock_now() : 0;
}

/* As process 1 the master also reaps orphans that it has not started. */
void
reap_all(struct children *all, bool quietly)
{
	struct child *child;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) >
	    0) {
		child = child_find(all, pid);
		if (WIFSTOPPED(status) || WIFCONTINUED(status)) {
			if (child != NULL)
				note_stop(child, status);
			continue;
		}
		successor_note_reaped(&all->successor, pid);
		if (child != NULL && child->kind == CHILD_WORKER)
			reap_worker(all, child, status, quietly);
		else if (child != NULL)
			reap_other(all, child, status, quietly);
	}
}
