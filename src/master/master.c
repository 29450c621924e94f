#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "handlers/mount.h"
#include "master/autoscale.h"
#include "master/children.h"
#include "master/log_reopen.h"
#include "master/lot_watch.h"
#include "master/master.h"
#include "master/quarantine_policy.h"
#include "master/reap.h"
#include "master/reload.h"
#include "master/request_timeout.h"
#include "master/sd_status.h"
#include "master/start.h"
#include "master/stop.h"
#include "master/takeover.h"
#include "master/upgrade.h"
#include "os/cgroup.h"
#include "os/sd_notify.h"
#include "os/signals.h"

/* A process that has read the old pid file sends its signal within this time. */
#define HANDOVER_TIME CLOCK_SECOND

/* An INT of a terminal, and its copy that a program forwards, are one. */
#define SAME_INTERRUPT (500 * CLOCK_MILLISECOND)

struct master {
	struct inherited *inherited;
	struct children children;
	struct autoscale autoscale;
	sigset_t before; /* the signal mask while the master waits */
	struct start start;
	struct stop stop;
	int64_t ping_interval; /* of the service manager's watchdog */
	int64_t next_ping;
	int64_t next_look; /* when to look for workers that hang */
	int64_t next_look_at_lot;
	struct sd_status sd_status;
	int64_t next_discharge; /* when the next quarantine ends */
	struct log_reopen log_reopen;
	struct reload reload;
	struct upgrade upgrade;
	bool leaving;  /* the successor serves */
	bool deserted; /* the successor has ended */
	int64_t left;  /* clock_now() when the successor took over */
};

/* Set by signal handlers; the loop acts on them. */
static volatile sig_atomic_t want_reap;
static volatile sig_atomic_t want_stop;
static volatile sig_atomic_t want_stop_now;
static volatile sig_atomic_t want_interrupt;
static volatile sig_atomic_t want_reopen;
static volatile sig_atomic_t want_reload;
static volatile sig_atomic_t want_upgrade;
static volatile sig_atomic_t want_more;
static volatile sig_atomic_t want_fewer;

static const int handled[] = {SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGHUP,
    SIGUSR1, SIGUSR2, SIGTTIN, SIGTTOU, 0};

static const struct {
	int signo;
	volatile sig_atomic_t *want;
} orders[] = {
    {SIGCHLD, &want_reap},
    {SIGTERM, &want_stop},
    {SIGINT, &want_interrupt},
    {SIGQUIT, &want_stop_now},
    {SIGHUP, &want_reload},
    {SIGUSR1, &want_reopen},
    {SIGUSR2, &want_upgrade},
    {SIGTTIN, &want_more},
    {SIGTTOU, &want_fewer},
};

static void
master_on_signal(int signo)
{
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		if (orders[i].signo == signo)
			*orders[i].want = 1;
}

/* Blocked except in ppoll, so that no signal is missed before the wait. */
static void
master_set_up_signals(struct master *m)
{
	signals_block(handled, &m->before);
	signals_handle(handled, master_on_signal);
	signals_block_internal();
	for (const int *s = handled; *s != 0; s++)
		sigdelset(&m->before, *s);
}

static void
keep_pool(struct master *m)
{
	autoscale_act(&m->autoscale, &m->children);
	child_spawn_one(&m->children, CHILD_LOT);
	child_spawn_one(&m->children, CHILD_STATUS);
}

static bool
is_handing_over(const struct master *m)
{
	return m->leaving && clock_now() - m->left < HANDOVER_TIME;
}

/* In an upgrade, the server is the predecessor and the successor. */
static void
pass_on_stop(const struct master *m, int signo)
{
	if (is_handing_over(m))
		successor_signal(&m->children.new_master, signo);
	takeover_tell_predecessor(signo);
}

static void
master_begin_stop(struct master *m)
{
	pass_on_stop(m, SIGTERM);
	log_notice("stopping, within %g s",
	    (double)m->inherited->config.stop_timeout / CLOCK_SECOND);
	if (!takeover_is_waiting()) /* else the predecessor reports its own state */
		sd_notify_send("STOPPING=1\nSTATUS=Finishing requests");
	upgrade_abandon(&m->children);
	reload_abandon(&m->reload, &m->children);
	setproctitle("master [stopping]");
	stop_begin(&m->stop, &m->children, m->leaving);
}

static void
stop_now(struct master *m)
{
	if (want_stop_now)
		pass_on_stop(m, SIGQUIT);
	else
		takeover_tell_predecessor(SIGQUIT);
	want_stop_now = 0;
	stop_cut_short(&m->stop, &m->children);
}

/* A user at a terminal may press Ctrl-C again if the stop takes too long. */
static void
act_on_interrupt(struct master *m)
{
	if (!want_interrupt)
		return;
	want_interrupt = 0;
	if (!m->stop.begun)
		want_stop = 1;
	else if (clock_now() - m->stop.began >= SAME_INTERRUPT)
		want_stop_now = 1;
}

static void
act_on_stop(struct master *m)
{
	act_on_interrupt(m);
	if (!m->stop.begun && (want_stop || want_stop_now))
		master_begin_stop(m);
	if (m->stop.begun && (want_stop_now || clock_now() >= m->stop.deadline))
		stop_now(m);
	stop_act(&m->stop, &m->children);
}

/* Their senders read the pid file before the successor wrote it. */
static void
pass_on_signals(const struct master *m)
{
	const struct {
		volatile sig_atomic_t *want;
		int signo;
	} all[] = {{&want_reload, SIGHUP}, {&want_reopen, SIGUSR1},
	    {&want_more, SIGTTIN}, {&want_fewer, SIGTTOU}};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (*all[i].want)
			successor_signal(&m->children.new_master, all[i].signo);
		if (all[i].signo !=
		    SIGUSR1) /* this process has logs of its own, too */
			*all[i].want = 0;
	}
}

static void
act_on_log_reopen(struct master *m)
{
	if (want_reopen) {
		want_reopen = 0;
		log_reopen_begin(&m->log_reopen, &m->children);
		child_retire(
		    &m->children, child_of(&m->children, CHILD_STATUS));
	} else {
		log_reopen_act(&m->log_reopen, &m->children);
	}
}

/* Shows the size of the pool to ps(1) and to the service manager. */
static void
show_size(const struct master *m)
{
	struct buffer size = {0};

	autoscale_describe(&size, &m->autoscale.limits);
	setproctitle("master [%s]", buffer_string(&size));
	sd_notify_send("STATUS=Serving with %s", buffer_string(&size));
	buffer_free(&size);
}

/* Somebody may have changed the memory limit of the control group. */
static void
fit_again(struct master *m)
{
	struct config *c = &m->inherited->config;
	uint64_t memory = cgroup_memory();
	struct autoscale_memory share = autoscale_divide(c, memory);
	struct buffer words = {0};

	/* These apply to the next lot: the present one keeps its limits. */
	m->inherited->lot_memory = share.lot;
	m->inherited->client_memory = share.client;
	if (autoscale_fit_again(&m->autoscale, c, memory, &words)) {
		log_notice("%s", buffer_string(&words));
		show_size(m);
	}
	buffer_free(&words);
}

/* A reload waits until the server is ready.  A stop comes first. */
static void
act_on_reload(struct master *m)
{
	if (!m->start.ready)
		return;
	if (want_reload && m->children.successor.pid == 0) {
		want_reload = 0;
		want_reopen = 1;
		reload_begin(&m->reload, &m->children);
	}
	if (reload_act(&m->reload, &m->children))
		fit_again(m);
}

static void
act_on_sd_status(struct master *m)
{
	struct buffer size = {0};

	if (!m->start.ready)
		return;
	autoscale_describe(&size, &m->autoscale.limits);
	sd_status_act(&m->sd_status, m->inherited, buffer_string(&size));
	buffer_free(&size);
}

static void
act_on_size(struct master *m)
{
	if (!want_more && !want_fewer)
		return;
	if (want_more)
		autoscale_add(&m->autoscale, &m->children, 1);
	if (want_fewer)
		autoscale_add(&m->autoscale, &m->children, -1);
	want_more = want_fewer = 0;
	if (m->start.ready)
		show_size(m);
}

/* The successor accepts from the same listeners: no client is refused. */
static void
master_give_way(struct master *m, const struct master_hooks *hooks)
{
	int successor = (int)m->children.successor.pid;

	m->leaving = true;
	m->left = clock_now();
	log_notice(
	    "upgraded: process %d serves now, this one finishes its requests",
	    successor);
	setproctitle("master [leaving, %d serves]", successor);
	/* systemd accepts only its own children as the main process. */
	upgrade_release(&m->children);
	sd_notify_send("MAINPID=%d", successor);
	(void)unsetenv("NOTIFY_SOCKET");
	m->next_ping = CLOCK_NEVER;
	hooks->give_way(m->inherited);
	reload_abandon(&m->reload, &m->children);
	upgrade_give_way(&m->children);
	if (m->log_reopen
		.pending) /* somebody moved the logs after the successor had opened them */
		successor_signal(&m->children.new_master, SIGUSR1);
	child_signal(&m->children, CHILD_LOT, SIGNAL_MOVE);
	child_retire_all(&m->children, CLOCK_NEVER);
}

/* An upgrade waits until a reload has ended. */
static void
act_on_upgrade(struct master *m, const struct master_hooks *hooks)
{
	if (want_upgrade && m->leaving) {
		want_upgrade = 0;
		log_warning("no upgrade: another process already serves");
	} else if (want_upgrade && m->start.ready && !m->reload.pending) {
		want_upgrade = 0;
		upgrade_begin(&m->upgrade, &m->children);
	}
	if (upgrade_act(&m->upgrade, &m->children) != UPGRADE_DONE)
		return;
	/*
	 * This may take a while.  If the upgrade fails meanwhile, this server
	 * goes on.
	 */
	child_end_status(&m->children);
	if (upgrade_act(&m->upgrade, &m->children) == UPGRADE_DONE)
		master_give_way(m, hooks);
}

static void
act_on_succession(struct master *m)
{
	struct children *all = &m->children;
	struct child *lot = child_of(all, CHILD_LOT);

	/* A successor that ends by QUIT has passed it on before. */
	if (upgrade_is_in_vain(all) && !m->deserted &&
	    !signals_is_pending(SIGQUIT)) {
		m->deserted = true;
		if (!m->stop.begun) {
			upgrade_log_loss(all);
			master_begin_stop(m);
		}
		child_signal(all, CHILD_LOT, SIGNAL_STAY);
	}
	pass_on_signals(m);
	if (!child_is_any_worker(all)) {
		child_retire(all, lot);
	} else if (lot->pid == 0 && !m->stop.begun) {
		child_spawn_one(all, CHILD_LOT);
		child_signal(all, CHILD_LOT, SIGNAL_MOVE);
	}
}

/* Has no effect if no service manager watches. */
static void
ping_at_once(struct master *m)
{
	m->next_ping = m->ping_interval == CLOCK_NEVER ? CLOCK_NEVER : 0;
}

static void
master_announce(struct master *m, const struct master_hooks *hooks)
{
	if (takeover_is_waiting()) {
		takeover_accede(m->inherited);
		ping_at_once(m);
	}
	show_size(m);
	sd_status_begin(&m->sd_status);
	/* Writes the pid file, before READY=1 wakes its reader. */
	hooks->ready();
	sd_notify_send("READY=1\nMAINPID=%d", (int)getpid());
}

static void
act_on_start(struct master *m, const struct master_hooks *hooks)
{
	if (start_is_new(&m->start, &m->children) && !m->stop.begun &&
	    !m->leaving)
		keep_pool(m);
	switch (start_act(&m->start, &m->children, m->stop.begun)) {
	case START_DONE:
		master_announce(m, hooks);
		break;
	case START_FAILED:
		master_begin_stop(m);
		break;
	case START_GOES_ON:
		break;
	}
}

/*
 * The service manager kills a master whose loop stands still.  The message says
 * nothing about workers: the master itself replaces those that hang, and the
 * service manager should not kill all for one.
 */
static void
act_on_watchdog(struct master *m)
{
	int64_t now = clock_now();

	if (now < m->next_ping)
		return;
	sd_notify_send("WATCHDOG=1");
	m->next_ping = now + m->ping_interval;
}

static void
act_on_request_timeouts(struct master *m)
{
	if (clock_now() < m->next_look && !m->children.fresh)
		return;
	m->children.fresh = false;
	m->next_look = request_timeout_check(&m->children);
}

static void
act_on_quarantine(struct master *m)
{
	m->next_discharge = quarantine_policy_discharge(m->inherited);
}

/*
 * Returns the next deadline of tasks that end when the server stops or has
 * given way; a past deadline must not wake it then.
 */
static int64_t
next_of_service(const struct master *m)
{
	int64_t next = clock_sooner(
	    child_next_spawn(&m->children), autoscale_next(&m->autoscale));

	next = clock_sooner(next, reload_next(&m->reload, &m->children));
	return clock_sooner(
	    next, m->start.ready ? m->sd_status.next : m->start.deadline);
}

static int64_t
master_next_deadline(const struct master *m)
{
	int64_t next = clock_sooner(m->next_ping, m->next_look);

	if (m->stop.begun)
		next = clock_sooner(next, stop_next(&m->stop));
	else
		next = clock_sooner(next, m->next_look_at_lot);
	if (!m->stop.begun && !m->leaving)
		next = clock_sooner(next, next_of_service(m));
	else if (is_handing_over(m))
		next = clock_sooner(next, m->left + HANDOVER_TIME);
	if (m->leaving && !m->stop.begun && child_is_any_worker(&m->children))
		next = clock_sooner(next, child_next(&m->children, CHILD_LOT));
	next = clock_sooner(next, m->next_discharge);
	next = clock_sooner(next, log_reopen_next(&m->log_reopen));
	next = clock_sooner(next, upgrade_next(&m->children));
	return clock_sooner(next, start_next(&m->start));
}

static void
wait_for_event(const struct master *m)
{
	struct pollfd asked[] = {
	    {.fd = m->inherited->started.from, .events = POLLIN},
	    {.fd = m->stop.begun || m->leaving ? -1 : m->inherited->wanted.from,
		.events = POLLIN},
	    {.fd = successor_poll(&m->children.new_master), .events = POLLIN},
	    {.fd = takeover_predecessor(), .events = POLLIN},
	};
	int64_t next = master_next_deadline(m);
	struct timespec left;

	if (next != CLOCK_NEVER)
		left = clock_until(next);
	ppoll(asked, sizeof(asked) / sizeof(asked[0]),
	    next != CLOCK_NEVER ? &left : NULL, &m->before);
}

/* A process that waits for the end of this one expects that no work is left. */
static bool
must_go_on(const struct master *m)
{
	if (!m->stop.begun && (!m->leaving || is_handing_over(m)))
		return true;
	return child_is_any(&m->children) ||
	    (takeover_predecessor() != -1 && !m->stop.cut_short);
}

static void
master_loop(struct master *m, const struct master_hooks *hooks)
{
	while (must_go_on(m)) {
		if (want_reap) {
			want_reap = 0;
			reap_all(&m->children, m->stop.begun);
		}
		takeover_look_back();
		act_on_watchdog(m);
		act_on_start(m, hooks);
		act_on_stop(m);
		act_on_request_timeouts(m);
		if (!m->stop.begun && !m->leaving)
			act_on_reload(m);
		if (!m->stop.begun)
			act_on_upgrade(m, hooks);
		if (!m->stop.begun) /* a stop has its own time limit */
			m->next_look_at_lot =
			    lot_watch_act(m->next_look_at_lot, &m->children);
		act_on_quarantine(m);
		if (m->leaving)
			act_on_succession(m);
		act_on_log_reopen(m);
		if (!m->stop.begun && !m->leaving) {
			act_on_size(m);
			act_on_sd_status(m);
			keep_pool(m);
		}
		if (must_go_on(m))
			wait_for_event(m);
	}
}

int
master_run(struct inherited *inherited, const struct master_hooks *hooks)
{
	struct master m = {
	    .inherited = inherited,
	};

	master_set_up_signals(&m);
	/*
	 * The first title of a process clears all of its arguments and its
	 * environment: children would each have a copy of these pages.
	 */
	setproctitle("master [starting]");
	mount_note_forks();
	children_init(&m.children, inherited, hooks->leave);
	autoscale_init(&m.autoscale, inherited);
	start_begin(&m.start, &inherited->config);
	m.ping_interval = sd_notify_watchdog_interval();
	m.next_ping = CLOCK_NEVER;
	/* Until it has taken over, the predecessor gets the signals. */
	if (!takeover_is_waiting())
		ping_at_once(&m);
	master_loop(&m, hooks);
	child_end_status(&m.children);
	sd_status_free(&m.sd_status);
	children_free(&m.children);
	log_notice(m.leaving && !m.stop.begun ? "finished" : "stopped");
	return m.start.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
