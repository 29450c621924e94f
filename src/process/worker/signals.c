#include <sys/prctl.h>

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "connection/emergency.h"
#include "handlers/mount.h"
#include "os/backtrace.h"
#include "os/crash.h"
#include "os/signals.h"
#include "process/worker/state.h"
#include "process/worker/worker.h"
#include "shared/scoreboard_read.h"

/* For signal handlers, which have no argument. */
static struct worker *self;
/* For a worker that has not got as far as serving. */
static const struct score *starting;
static pid_t master_pid, worker_pid;

static void
worker_signals_wake_up(void)
{
	const uint64_t one = 1;

	self->want_stop = 1;
	(void)!write(self->wake, &one, sizeof(one));
}

static void
stop(void)
{
	worker_signals_wake_up();
	input_hurry(&self->client.connection.in);
}

/*
 * The worker retires.  With a lot, its client goes on there.  Without one, the
 * next response has Connection: close, because the client may be sending a
 * request at this moment.
 */
static void
retire(void)
{
	worker_signals_wake_up();
	if (!self->inherited->config.no_lot)
		input_yield(&self->client.connection.in);
	else
		self->client.connection.close_next = 1;
}

static bool
signals_is_stopping(void)
{
	return atomic_load(&self->inherited->board->server->stopping);
}

static void
on_term(int signo)
{
	int saved = errno;

	(void)signo;
	if (self != NULL && signals_is_stopping())
		stop();
	else if (self != NULL)
		retire();
	errno = saved;
}

/*
 * For the handlers: another server may go on with the sockets.  Its workers are
 * not woken for a client that this worker was woken for: so it accepts that one
 * first, and then closes the sockets.
 */
static void
worker_signals_let_go_of_listeners(void)
{
	self->let_go = true;
	if (!self->may_be_woken)
		worker_close_listeners(self);
}

/*
 * From the master: no client waits to be accepted any more.  A worker that is
 * just starting may get this before the SIGTERM that was sent first.
 */
static void
worker_signals_on_let_go(int signo)
{
	int saved = errno;

	(void)signo;
	if (self != NULL && (self->want_stop || signals_is_stopping())) {
		worker_signals_let_go_of_listeners();
		stop();
	}
	errno = saved;
}

/* Closes the listeners, so that a successor of a dead master can bind. */
static void
worker_signals_on_orphaned(int signo)
{
	int saved = errno;

	(void)signo;
	if (self != NULL && getppid() != self->master) {
		stop();
		worker_signals_let_go_of_listeners();
	}
	errno = saved;
}

static bool
has_timed_out(const struct worker *w)
{
	const struct score *score = w->service.score;
	int64_t since = score_running_since(score);
	int64_t limit =
	    config_handler_limit(&w->inherited->config, score_streams(score));

	return limit > 0 && since != CLOCK_NEVER &&
	    clock_now() - since >= limit;
}

static bool
is_starting(void)
{
	return self == NULL && starting != NULL &&
	    score_state(starting) == SCORE_STARTING;
}

/* From the master; the handler may have finished at the same moment. */
static void
on_timed_out(int signo, siginfo_t *info, void *context)
{
	int saved = errno;

	if (!signals_is_from(info, master_pid) ||
	    (!is_starting() && (self == NULL || !has_timed_out(self)))) {
		errno = saved;
		return;
	}
	crash_limit_life();
	if (self != NULL)
		emergency_client(&self->client, 504);
	log_dying(TEXT("has hung, in:"));
	backtrace_log(context);
	crash_log_description();
	crash_die(signo);
}

/*
 * Ignores signals that a terminal, for example, sends to all processes: the
 * master decides, and signals its children itself.
 */
static void
worker_signals_set_up_signals(const struct worker *w)
{
	static const int ours[] = {SIGTERM, 0};
	const int let_go[] = {SIGNAL_LET_GO, 0};
	const int orphaned[] = {SIGNAL_ORPHANED, 0};
	sigset_t none;

	signals_handle(ours, on_term);
	signals_handle_from(let_go, worker_signals_on_let_go, w->master);
	signals_handle(orphaned, worker_signals_on_orphaned);
	signals_leave_to_master();
	sigemptyset(&none);
	signals_set_mask(&none);
}

/* The kernel signals the end of the master, even by SIGKILL. */
static void
worker_signals_follow_master(const struct worker *w)
{
	prctl(PR_SET_PDEATHSIG, SIGNAL_ORPHANED);
	if (getppid() != w->master) /* it went before that */
		raise(SIGNAL_ORPHANED);
}

/*
 * Called by crash.c when a handler crashes, or a process that it has forked: that
 * one must not answer its client.
 */
static void
respond_to_crash(void)
{
	if (getpid() != worker_pid)
		return;
	emergency_client(&self->client, 500);
}

void
worker_signals_prepare(const struct score *score, pid_t master)
{
	const int timed_out[] = {SIGNAL_TIMED_OUT, 0};
	sigset_t unblocked;

	starting = score;
	master_pid = master;
	worker_pid = getpid();
	crash_set_description(mount_dump);
	signals_handle_on_own_stack(timed_out, on_timed_out);
	sigemptyset(&unblocked);
	sigaddset(&unblocked, SIGNAL_TIMED_OUT);
	sigprocmask(SIG_UNBLOCK, &unblocked, NULL);
}

void
worker_signals_begin(struct worker *w)
{
	self = w;
	crash_set_emergency(respond_to_crash);
	worker_signals_set_up_signals(w);
	worker_signals_follow_master(w);
}

void
worker_signals_end(void)
{
	crash_set_emergency(NULL);
	self = NULL;
}
