#include <signal.h>
#include <unistd.h>

#include "master/child_table.h"
#include "master/takeover.h"
#include "os/signals.h"
#include "process/lot/lot.h"
#include "process/status_server/server.h"
#include "process/worker/worker.h"
#include "shared/scoreboard_read.h"

/* The ends of a channel or a wakeup that a process keeps open. */
enum ends {
	NONE,
	FROM = 1 << 0,
	TO = 1 << 1,
	BOTH = FROM | TO,
};

static int
run_lot(struct inherited *h, size_t slot, pid_t master)
{
	(void)slot;
	return lot_run(h, master);
}

static int
run_status_server(struct inherited *h, size_t slot, pid_t master)
{
	(void)slot;
	return status_server_run(h, master);
}

static bool
is_lot_wanted(const struct inherited *h)
{
	return !h->config.no_lot;
}

/* While the predecessor serves, it also serves the status socket. */
static bool
is_status_wanted(const struct inherited *h)
{
	return h->status.listeners.count > 0 && !takeover_is_waiting();
}

static bool
is_worker_starting(const struct inherited *h, size_t slot)
{
	return score_state(scoreboard_slot(h->board, slot)) == SCORE_STARTING;
}

static bool
is_lot_starting(const struct inherited *h, size_t slot)
{
	(void)slot;
	return !score_lot_is_there(h->board->lot);
}

static atomic_uint *
worker_logs(const struct inherited *h, size_t slot)
{
	return score_logs(scoreboard_slot(h->board, slot));
}

static atomic_uint *
lot_logs(const struct inherited *h, size_t slot)
{
	(void)slot;
	return &h->board->lot->logs;
}

static bool
has_worker_followed(const struct inherited *h, size_t slot)
{
	return score_has_followed(scoreboard_slot(h->board, slot), h->logs);
}

static bool
has_lot_followed(const struct inherited *h, size_t slot)
{
	(void)slot;
	return score_lot_has_followed(h->board->lot, h->logs);
}

static void
prepare_worker(struct inherited *h, size_t slot)
{
	scoreboard_use(h->board, slot);
	score_start(scoreboard_slot(h->board, slot), 0);
}

static void
clear_worker(struct inherited *h, size_t slot)
{
	score_end(scoreboard_slot(h->board, slot));
	scoreboard_leave(h->board, slot);
	if (h->client_limit != NULL)
		client_limit_leave(h->client_limit, slot);
	if (h->deferred_budget != NULL)
		deferred_budget_forget(h->deferred_budget, slot);
	if (h->loans != NULL)
		loan_note_death(h->loans, slot);
}

/* Workers receive the messages that are left in the channel to the lot. */
static void
clear_lot(struct inherited *h, size_t slot)
{
	(void)slot;
	score_lot_end(h->board->lot);
	wakeup_send_to_all(&h->lot_ended);
}

const struct child_row child_table[CHILD_KINDS] = {
    [CHILD_WORKER] =
	{
	    .name = "worker",
	    .run = worker_run,
	    .opens_files = true,
	    .shows_status = true,
	    .is_starting = is_worker_starting,
	    .writer = SCOREBOARD_WORKER,
	    .stop = SIGTERM,
	    .started = EVENT_STARTED,
	    .logs = worker_logs,
	    .has_followed = has_worker_followed,
	    .prepare = prepare_worker,
	    .clear = clear_worker,
	},
    [CHILD_LOT] =
	{
	    .name = "lot",
	    .run = run_lot,
	    .is_wanted = is_lot_wanted,
	    .is_starting = is_lot_starting,
	    .writer = SCOREBOARD_LOT,
	    .started = EVENT_LOTS,
	    .logs = lot_logs,
	    .has_followed = has_lot_followed,
	    .clear = clear_lot,
	    .loss = "; its connections are lost",
	},
    [CHILD_STATUS] =
	{
	    .name = "status process",
	    .run = run_status_server,
	    .is_wanted = is_status_wanted,
	    .writer = SCOREBOARD_READER,
	    .keeps_status_socket = true,
	    .shows_status = true,
	    .started = SCORE_EVENTS,
	    .loss = "",
	},
};

static void
keep_end(int *end, bool keeps)
{
	if (keeps || *end == -1)
		return;
	close(*end);
	*end = -1;
}

/*
 * An attacker who takes over a process can use every end that it holds.  A
 * worker needs the receiving end of parked as well, for messages that are left
 * when there is no lot.  The lot needs the receiving end of ready, to take back
 * connections when it moves.  A lot reads what its predecessor sends up to the
 * end of the stream, which comes only when no other process holds the sending
 * end.
 */
static void
keep_channels(enum child_kind kind, struct inherited *h)
{
	struct wakeup none = {-1, -1};
	struct wakeup *freed =
	    h->client_limit != NULL ? &h->client_limit->freed : &none;
	struct wakeup *returned =
	    h->loans != NULL ? &h->loans->returned : &none;
	const struct {
		int *from, *to;
		enum ends kept[CHILD_KINDS]; /* worker, lot, status */
	} all[] = {
	    {&h->started.from, &h->started.to, {TO, NONE, NONE}},
	    {&h->wanted.from, &h->wanted.to, {TO, TO, NONE}},
	    {&h->lot_ended.from, &h->lot_ended.to, {FROM, NONE, NONE}},
	    {&h->log_notices.from, &h->log_notices.to, {FROM, FROM, FROM}},
	    {&h->parked.from, &h->parked.to, {BOTH, FROM, NONE}},
	    {&h->ready.from, &h->ready.to, {FROM, BOTH, NONE}},
	    {&h->successor.from, &h->successor.to, {NONE, BOTH, NONE}},
	    {&h->predecessor.from, &h->predecessor.to, {NONE, BOTH, NONE}},
	    {&freed->from, &freed->to, {TO, FROM, NONE}},
	    {&returned->from, &returned->to, {TO, FROM, NONE}},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		keep_end(all[i].from, (all[i].kept[kind] & FROM) != 0);
		keep_end(all[i].to, (all[i].kept[kind] & TO) != 0);
	}
}

int
child_table_confine(enum child_kind kind, struct inherited *h, size_t slot)
{
	const struct child_row *row = &child_table[kind];
	const struct listeners *l = &h->status.listeners;

	keep_channels(kind, h);
	if (h->loans != NULL && kind != CHILD_LOT &&
	    loans_confine(
		h->loans, kind == CHILD_WORKER ? slot : h->loans->count) == -1)
		return -1;
	if (!row->opens_files)
		site_close_directories(&h->site);
	if (!row->shows_status && h->overflows.fd != -1)
		close(h->overflows.fd);
	for (size_t i = 0; i < l->count && !row->keeps_status_socket; i++)
		close(l->at[i].fd);
	return scoreboard_confine(h->board, row->writer, slot);
}
