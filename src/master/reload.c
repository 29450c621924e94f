#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "master/reload.h"
#include "os/sd_notify.h"
#include "shared/scoreboard_read.h"

/* The number of workers that start at the same time. */
#define RELOAD_BATCH 32
/*
 * The pause between two reloads that workers request.  It doubles after each
 * reload that was not needed.
 */
#define RELOAD_PAUSE (2 * CLOCK_SECOND)
#define RELOAD_PAUSE_MAX (60 * CLOCK_SECOND)
/*
 * A worker may request a reload because it does not know of the last one yet,
 * so the log mentions the second needless request, and not the first.
 */
#define RELOAD_NEEDLESS_LOGGED 2
/* How often the master checks the new workers. */
#define RELOAD_TICK (2 * CLOCK_MILLISECOND)
/* After this time, the reload no longer waits for an old worker or opener. */
#define RELOAD_GRACE CLOCK_SECOND
/*
 * If no new worker has become ready for so long, and none starts, the old
 * workers stay.
 */
#define RELOAD_PATIENCE (5 * CLOCK_SECOND)

static bool
is_old(const struct reload *r, const struct child *child, bool retiring)
{
	return child->pid != 0 && child->retiring == retiring &&
	    child->started < r->began;
}

static size_t
count_old(const struct reload *r, const struct children *all, bool retiring)
{
	size_t count = 0;

	for (size_t i = 0; i < all->count; i++)
		count += is_old(r, &all->at[i], retiring);
	return count;
}

/*
 * Retires no worker if the pool has already replaced the old one, for example
 * after a crash.
 */
static void
retire_one(struct reload *r, struct children *all)
{
	for (size_t i = 0; i < all->count; i++) {
		if (!is_old(r, &all->at[i], false))
			continue;
		child_retire(all, &all->at[i]);
		r->replaced++;
		return;
	}
}

static void
promote_ready(struct reload *r, struct children *all)
{
	for (size_t i = 0; i < all->count; i++) {
		if (!all->at[i].ahead || !child_has_started(all, i))
			continue;
		child_promote(all, i);
		retire_one(r, all);
		r->progress = clock_now();
	}
}

static void
dismiss_ahead(struct children *all)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->at[i].ahead)
			child_retire(all, &all->at[i]);
}

/*
 * True if the pool has replaced a crashed worker, and the replacement serves.
 */
static bool
is_new_serving(const struct reload *r, const struct children *all)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->at[i].pid != 0 && !all->at[i].ahead &&
		    all->at[i].started >= r->began && child_has_started(all, i))
			return true;
	return false;
}

static void
reload_announce(struct reload *r)
{
	if (!r->logged)
		log_notice("reloading");
	sd_notify_send("RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)(r->began / CLOCK_MICROSECOND));
	r->announced = true;
}

static void
reload_end(struct reload *r)
{
	r->pending = false;
	if (r->announced)
		sd_notify_send("READY=1");
}

static void
complete(struct reload *r, struct children *all, size_t leaving)
{
	struct buffer rest = {0};

	if (leaving > 0)
		buffer_printf(&rest, "; %zu still finish%s a request", leaving,
		    leaving == 1 ? "es" : "");
	log_notice("reloaded: %zu worker%s replaced in %lld ms%s", r->replaced,
	    r->replaced == 1 ? "" : "s",
	    (long long)(clock_now() - r->began) / CLOCK_MILLISECOND,
	    buffer_string(&rest));
	buffer_free(&rest);
	inherited_close(&r->before);
	all->before = NULL;
	reload_end(r);
}

/*
 * Called when all old workers have been told to retire.  True when none of them
 * accepts clients any more.
 */
static bool
reload_is_settled(const struct reload *r, size_t leaving)
{
	return leaving == 0 || clock_now() - r->progress > RELOAD_GRACE;
}

/* Restores only what was opened: other members have changed since. */
static void
go_back(struct reload *r, struct inherited *h)
{
	h->site = r->before.site;
	h->privilege = r->before.privilege;
	inherited_settle(h);
}

static void
reload_give_up(struct reload *r, struct children *all)
{
	log_error("reload abandoned: no new worker has started for %lld s (the "
		  "lines before show the reason; --start-timeout); %zu old "
		  "workers go on",
	    (long long)((clock_now() - r->progress) / CLOCK_SECOND),
	    count_old(r, all, false));
	dismiss_ahead(all);
	inherited_close(all->inherited);
	go_back(r, all->inherited);
	all->before = NULL;
	reload_end(r);
}

/* Nothing has been replaced: the workers and the site stay. */
static void
end_opening(struct reload *r, struct children *all)
{
	bool again = r->again;

	r->waiting = r->opening = false;
	reload_end(r);
	if (again)
		reload_begin(r, all);
}

static void
reload_refuse(struct reload *r, struct children *all, const char *why)
{
	if (!r->logged)
		log_error(
		    "cannot reload: %s; what is served has not changed", why);
	r->logged = r->by_worker;
	end_opening(r, all);
}

static int64_t
reload_pause(const struct reload *r)
{
	int64_t pause = RELOAD_PAUSE;

	for (int i = 1; i < r->needless && pause < RELOAD_PAUSE_MAX; i++)
		pause *= 2;
	return pause < RELOAD_PAUSE_MAX ? pause : RELOAD_PAUSE_MAX;
}

static void
reload_ignore(struct reload *r, struct children *all)
{
	if (r->needless < INT_MAX)
		r->needless++;
	r->not_before = clock_now() + reload_pause(r);
	if (r->needless == RELOAD_NEEDLESS_LOGGED)
		log_warning("ignoring workers that request a reload, because "
			    "no mounted directory was removed");
	end_opening(r, all);
}

static void
start_opening(struct reload *r, struct children *all)
{
	r->waiting = false;
	if (site_opener_begin(&r->opener, all->inherited, r->by_worker) == -1)
		reload_refuse(r, all, strerror(errno));
	else
		r->opening = true;
}

/* A process that was killed needs a moment to end, if nothing keeps it. */
static void
wait_for_opener(struct reload *r, struct children *all)
{
	struct buffer why = {0};

	if (site_opener_is_gone(&r->opener)) {
		start_opening(r, all);
	} else if (clock_now() - r->began > RELOAD_GRACE) {
		site_opener_explain_rest(&r->opener, &why);
		reload_refuse(r, all, buffer_string(&why));
		buffer_free(&why);
	}
}

static void
reload_start(struct reload *r, struct children *all, bool by_worker)
{
	*r = (struct reload){
	    .pending = true,
	    .waiting = true,
	    .began = clock_now(),
	    .by_worker = by_worker,
	    .logged = by_worker && r->logged,
	    .needless = by_worker ? r->needless : 0,
	    .opener = r->opener,
	};
	r->not_before = r->began + reload_pause(r);
	all->opener = &r->opener;
	scoreboard_reloads(all->inherited->board);
	if (!by_worker)
		reload_announce(r);
	wait_for_opener(r, all);
}

void
reload_begin(struct reload *r, struct children *all)
{
	if (r->pending)
		r->again = true;
	else
		reload_start(r, all, false);
}

/* Replaces the site in place, because there are pointers to it. */
static int
reload_take(struct reload *r, struct inherited *h, struct buffer *why)
{
	const struct site_source from = {.opened = &r->opener.opened};

	r->before = *h;
	if (inherited_open(h, &from, why) == 0)
		return 0;
	go_back(r, h);
	return -1;
}

/*
 * True when the directories are open: workers that started before have the old
 * ones.
 */
static bool
act_on_opening(struct reload *r, struct children *all)
{
	struct buffer why = {0};
	enum site_opener_result result = site_opener_act(&r->opener, &why);

	if (result == SITE_OPENER_PENDING)
		return false;
	if (result != SITE_OPENER_NEEDLESS && r->by_worker) {
		r->needless = 0;
		r->not_before = clock_now() + RELOAD_PAUSE;
		reload_announce(r);
	}
	if (result == SITE_OPENER_DONE &&
	    reload_take(r, all->inherited, &why) == -1)
		result = SITE_OPENER_FAILED;
	site_opener_end(&r->opener);
	if (result == SITE_OPENER_DONE) {
		all->before = &r->before;
		r->opening = false;
		r->began = r->progress = clock_now();
	} else if (result == SITE_OPENER_NEEDLESS) {
		reload_ignore(r, all);
	} else {
		reload_refuse(r, all, buffer_string(&why));
	}
	buffer_free(&why);
	return result == SITE_OPENER_DONE;
}

/* A worker that is still starting may take --start-timeout. */
static bool
has_stalled(const struct reload *r, const struct children *all)
{
	int64_t now = clock_now();

	return now - r->progress > RELOAD_PATIENCE &&
	    child_starting_until(all) <= now;
}

static void
replace_workers(struct reload *r, struct children *all)
{
	size_t old, leaving;

	promote_ready(r, all);
	old = count_old(r, all, false);
	leaving = count_old(r, all, true);
	if (old == 0 && is_new_serving(r, all)) /* no old worker is left */
		dismiss_ahead(all);
	if (old == 0 && all->ahead == 0) {
		if (!reload_is_settled(r, leaving))
			return;
		complete(r, all, leaving);
		r->logged = false;
		/*
		 * Counts the requests of old workers, which may have made
		 * another one.
		 */
		scoreboard_reloads(all->inherited->board);
		scoreboard_add(all->inherited->board, EVENT_RELOADS);
		if (r->again)
			reload_begin(r, all);
	} else if (has_stalled(r, all)) {
		reload_give_up(r, all);
	} else {
		size_t batch = old < RELOAD_BATCH ? old : RELOAD_BATCH;

		if (batch > all->ahead)
			child_spawn_ahead(all, (int)(batch - all->ahead));
	}
}

/* A new directory with the same name may appear at any time. */
static bool
is_asked_for(const struct reload *r, const struct children *all)
{
	return !r->pending && all->successor.pid == 0 &&
	    scoreboard_wants_reload(all->inherited->board);
}

/* Not while the opener of the last one lives: the workers' request stays. */
static void
act_on_request(struct reload *r, struct children *all)
{
	if (!is_asked_for(r, all) || clock_now() < r->not_before)
		return;
	if (site_opener_is_gone(&r->opener))
		reload_start(r, all, true);
	else
		r->not_before = clock_now() + reload_pause(r);
}

bool
reload_act(struct reload *r, struct children *all)
{
	if (!r->opening)
		site_opener_is_gone(&r->opener); /* then closes it */
	act_on_request(r, all);
	if (!r->pending)
		return false;
	if (r->waiting) {
		wait_for_opener(r, all);
		return false;
	}
	if (r->opening)
		return act_on_opening(r, all);
	replace_workers(r, all);
	return false;
}

void
reload_abandon(struct reload *r, struct children *all)
{
	if (r->opening)
		site_opener_end(&r->opener);
	else if (r->pending && !r->waiting)
		inherited_close(&r->before);
	site_opener_forget(&r->opener);
	all->before = NULL;
	r->pending = r->waiting = r->opening = false;
}

int64_t
reload_next(const struct reload *r, const struct children *all)
{
	if (is_asked_for(r, all))
		return r->not_before;
	return r->pending ? clock_now() + RELOAD_TICK : CLOCK_NEVER;
}
