#include <sys/epoll.h>

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "connection/stalls.h"
#include "handlers/builtin.h"
#include "process/worker/state.h"

/* A client without a request for so long goes to the lot; KEEPALIVE_PART. */
#define KEPT_TIME CLOCK_SECOND
/* How often to look whether the lot has recalled some. */
#define KEPT_SWEEP CLOCK_SECOND
/* This part of the descriptors may be of clients that are kept. */
#define KEPT_PART 8
#define KEPT_GROWTH 16

/* The place is the index; links are from 1, and 0 is none. */
struct kept {
	int fd; /* owned; -1: nobody is kept here */
	struct loan_name loan;
	bool recalled; /* from another worker before */
	struct peer peer;
	uint32_t requests;    /* answered on the connection */
	int64_t since;	      /* the last of them (clock.h) */
	int64_t send_timeout; /* this worker has set it: output.h */
	struct stall_mark stall;
	uint32_t next, previous; /* in the order of that time */
};

static bool
kept_serves_files(const struct tined_module *module)
{
	return module == &handler_file || module == &handler_status;
}

/* By code of this server alone. */
static bool
kept_serves_itself(const struct tined_module *module)
{
	return kept_serves_files(module) || module == &handler_proxy ||
	    module == &handler_fcgi;
}

static bool
kept_every_mount(
    const struct worker *w, bool (*is_so)(const struct tined_module *))
{
	const struct site *site = &w->inherited->site;

	for (size_t i = 0; i < site->mount_count; i++)
		if (!is_so(site->mounts[i].module))
			return false;
	return true;
}

bool
worker_serves_files_only(const struct worker *w)
{
	return kept_every_mount(w, kept_serves_files);
}

/*
 * A client that is kept waits while the worker serves others.  Requests for files
 * are over so soon that this is better than a hand-over to an idle worker; and a
 * gateway lets go of the others when it has to wait (connection/others.h).
 *
 * What programs and modules run shall have no descriptors of other clients.  A
 * gateway runs nothing, but reads what another server has sent, as it reads what
 * clients send, and a fault in that would give those who use it what the worker has:
 * up to LOAN_KEPT_MAX clients instead of one.  They gain little.  That server gets
 * the requests of these clients anyway, and answers them; a worker that was taken
 * over can take each next client from the channel that all workers share (loan.h);
 * and clients that a worker keeps have been served by it a moment ago, so that it
 * has been able to keep copies of their descriptors for itself.
 */
bool
worker_runs_own_code_only(const struct worker *w)
{
	return kept_every_mount(w, kept_serves_itself);
}

static struct kept *
kept_at(struct worker *w, uint32_t number)
{
	return &w->kept.at[number - 1];
}

static void
kept_unlink(struct worker *w, uint32_t number)
{
	struct kept *k = kept_at(w, number);

	if (k->previous != 0)
		kept_at(w, k->previous)->next = k->next;
	else
		w->kept.first = k->next;
	if (k->next != 0)
		kept_at(w, k->next)->previous = k->previous;
	else
		w->kept.last = k->previous;
}

static void
kept_link_last(struct worker *w, uint32_t number)
{
	struct kept *k = kept_at(w, number);

	k->next = 0;
	k->previous = w->kept.last;
	if (k->previous != 0)
		kept_at(w, k->previous)->next = number;
	else
		w->kept.first = number;
	w->kept.last = number;
}

/* The client that is attached; 0: none that is kept. */
static void
kept_set_current(struct worker *w, uint32_t number)
{
	w->kept.current = number;
	score_set_kept(w->service.score,
	    number != 0 && !loan_is_unread(w->inherited->loans, w->slot));
}

static void
kept_grow(struct kept_all *all, uint32_t place)
{
	if (place < all->size)
		return;
	all->at =
	    memory_resize(all->at, place + KEPT_GROWTH, sizeof(all->at[0]));
	for (; all->size < place + KEPT_GROWTH; all->size++)
		all->at[all->size] = (struct kept){.fd = -1};
}

/* The descriptor may also be open in the lot, and so would stay watched. */
static void
kept_unwatch(struct worker *w, int fd)
{
	(void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, fd, NULL);
}

static bool
worker_watch_kept(struct worker *w, uint32_t number, int fd)
{
	struct epoll_event event = {
	    .events = EPOLLIN,
	    .data.u64 = (uint64_t)number << 32 | (uint32_t)fd,
	};

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static struct loan_record
kept_record(const struct worker *w, uint32_t number, int64_t since)
{
	return (struct loan_record){
	    .name = w->loan,
	    .end = LOAN_KEPT,
	    .requests = w->client.connection.requests,
	    .place = number - 1,
	    .since = since,
	    .stall = w->client.connection.stall,
	};
}

/*
 * Lets go of the client: it is watched already, and the lot knows its place.  One
 * that has not asked since keeps its place in the order.
 */
static void
kept_again(struct worker *w, int64_t since)
{
	const struct loan_record record =
	    kept_record(w, w->kept.current, since);
	struct kept *k = kept_at(w, w->kept.current);

	if (since != k->since) {
		kept_unlink(w, w->kept.current);
		kept_link_last(w, w->kept.current);
	}
	k->requests = record.requests;
	k->since = since;
	k->send_timeout = w->client.connection.out.send_timeout;
	k->stall = record.stall;
	loan_keep(w->inherited->loans, w->slot, &record);
	loan_disclaim(w->inherited->loans, w->slot);
	kept_set_current(w, 0);
	w->loan.place = 0;
	connection_detach(&w->client.connection);
}

/* A lot that wants connections back, to close them for example, recalls it. */
static void
kept_wake_lot(const struct worker *w)
{
	const struct inherited *h = w->inherited;

	if (score_lot_must_wake(h->board->lot, clock_now(), CLOCK_NEVER))
		wakeup_send(&h->loans->returned);
}

/* The lot is told last: it then watches over the worker. */
static bool
kept_begin(struct worker *w)
{
	const struct connection *c = &w->client.connection;
	struct loans *loans = w->inherited->loans;
	uint32_t number = loan_keep_place(loans, w->slot) + 1;
	const struct loan_record record = kept_record(w, number, clock_now());

	if (number > LOAN_KEPT_MAX || !worker_watch_kept(w, number, c->fd))
		return false;
	loan_keep(loans, w->slot, &record);
	if (!loan_give_back(loans, w->slot, &record)) {
		loan_kept_end(loans, w->slot, record.place);
		kept_unwatch(w, c->fd);
		return false;
	}
	kept_grow(&w->kept, record.place);
	*kept_at(w, number) = (struct kept){
	    .fd = c->fd,
	    .loan = w->loan,
	    .recalled = w->recalled,
	    .peer = c->peer,
	    .requests = record.requests,
	    .since = record.since,
	    .send_timeout = c->out.send_timeout,
	    .stall = record.stall,
	};
	kept_link_last(w, number);
	if (w->kept.count++ == 0)
		w->kept.settle_at = 0;
	w->loan.place = 0;
	kept_wake_lot(w);
	connection_detach(&w->client.connection);
	return true;
}

bool
worker_keep(struct worker *w)
{
	struct connection *c = &w->client.connection;

	if (w->kept.max == 0 || !worker_has_loan(w) || w->want_stop ||
	    w->recycle.due || !others_may_be_kept(&w->others) || c->in.yield ||
	    c->in.hurry || service_is_stopping(&w->service))
		return false;
	if (w->kept.current == 0)
		return w->kept.count < w->kept.max && kept_begin(w);
	kept_again(w, clock_now());
	return true;
}

static void
kept_forget(struct worker *w, uint32_t number)
{
	struct kept *k = kept_at(w, number);

	kept_unlink(w, number);
	k->fd = -1;
	w->kept.count--;
	loan_kept_end(w->inherited->loans, w->slot, number - 1);
}

void
worker_unkeep(struct worker *w)
{
	if (w->kept.current == 0)
		return;
	kept_unwatch(w, kept_at(w, w->kept.current)->fd);
	kept_forget(w, w->kept.current);
	kept_set_current(w, 0);
}

/* The lot has recalled it. */
static void
kept_drop(struct worker *w, uint32_t number)
{
	int fd = kept_at(w, number)->fd;

	kept_unwatch(w, fd);
	close(fd);
	kept_forget(w, number);
}

/*
 * True if the client goes to the lot in a message, or has been recalled.  The
 * channel is not waited for, as the present client waits, too.
 */
static bool
kept_send(struct worker *w, uint32_t number, struct loan_record *record)
{
	const struct kept *k = kept_at(w, number);
	struct loans *loans = w->inherited->loans;
	const struct handoff h = {
	    .kind = HANDOFF_WAIT,
	    .worker = (uint32_t)w->slot + 1,
	    .requests = k->requests,
	    .recalled = k->recalled,
	    .loan = k->loan,
	    .stall = k->stall,
	    .peer = k->peer,
	};

	if (!worker_may_park(w))
		return false;
	if (!loan_kept_hold(loans, w->slot, record->place, &k->loan))
		return true;
	if (channel_send(&w->inherited->parked, &h, k->fd, "", 0, NULL) == -1) {
		loan_keep(loans, w->slot, record);
		return false;
	}
	record->end = LOAN_MOVES;
	(void)worker_return_loan(w, record);
	return true;
}

/*
 * Gives a client back while another one is attached, whose loan this worker claims.
 * The record is written while the lot may recall it still: if the worker dies now,
 * the lot has the client in any case.  False if it stays here.
 */
static bool
kept_return(struct worker *w, uint32_t number)
{
	const struct kept *k = kept_at(w, number);
	struct loan_record record = {
	    .name = k->loan,
	    .end = LOAN_RETURNS,
	    .requests = k->requests,
	    .place = number - 1,
	    .since = k->since,
	    .stall = k->stall,
	};

	if (loan_kept_look(w->inherited->loans, w->slot, record.place,
		k->loan.token) == LOAN_KEPT_WAITS &&
	    !worker_return_loan(w, &record) && !kept_send(w, number, &record))
		return false;
	kept_drop(w, number);
	return true;
}

/* They may have sent requests, so the lot is woken at once. */
static void
kept_let_go(void *keeper)
{
	struct worker *w = keeper;
	const struct inherited *h = w->inherited;
	uint32_t next;

	for (uint32_t number = w->kept.first; number != 0; number = next) {
		next = kept_at(w, number)->next;
		if (number != w->kept.current)
			(void)kept_return(w, number);
	}
	w->others.are_kept = worker_keeps_others(w);
	if (score_lot_must_wake(h->board->lot, clock_now(), 0))
		wakeup_send(&h->loans->returned);
}

void
worker_kept_init(struct worker *w)
{
	size_t max = w->fd_budget.limit / KEPT_PART;

	if (w->inherited->loans == NULL || !worker_has_lot(w) ||
	    w->inherited->client_limit != NULL || !worker_runs_own_code_only(w))
		return;
	w->kept.max = max < LOAN_KEPT_MAX ? (uint32_t)max : LOAN_KEPT_MAX;
	w->others = (struct others){
	    .board = w->inherited->board, .let_go = kept_let_go, .keeper = w};
	w->service.others = &w->others;
}

/* Attaches a client that is kept; false if the lot has recalled it. */
static bool
kept_attach(struct worker *w, uint32_t number)
{
	struct kept *k = kept_at(w, number);
	struct connection *c = &w->client.connection;

	if (!loan_kept_take(
		w->inherited->loans, w->slot, number - 1, &k->loan)) {
		kept_drop(w, number);
		return false;
	}
	kept_set_current(w, number);
	w->loan = k->loan;
	worker_attach(w, k->fd, &k->peer);
	w->recalled = k->recalled;
	c->requests = k->requests;
	c->out.send_timeout = k->send_timeout;
	c->stall = k->stall;
	return true;
}

bool
worker_kept_note(struct worker *w, uint64_t data)
{
	struct kept_all *all = &w->kept;
	uint32_t number = (uint32_t)(data >> 32);

	if (all->ready_count == 0)
		all->ready_first = 0;
	if (number != 0 && all->ready_first + all->ready_count < KEPT_READY)
		all->ready[all->ready_first + all->ready_count++] = number;
	return number != 0;
}

/*
 * What has come is read here: the connection is served as one that the lot has
 * handed over.  At its end, client_serve finds that once more.
 */
static enum worker_taken
kept_receive(struct worker *w, int64_t since)
{
	struct connection *c = &w->client.connection;
	struct tined_exchange *x = &w->client.exchange;
	enum input_result result = input_wait(&c->in, false);
	int64_t now = clock_now();

	if (result == INPUT_TIMEOUT) {
		kept_again(w, since);
		return TAKEN_DONE;
	}
	c->idle_time = result == INPUT_BYTES ? now - since : 0;
	x->arrival = (struct exchange_arrival){.ready_since = now};
	stalls_at_request(x, now);
	return TAKEN_REQUEST;
}

enum worker_taken
worker_take_kept(struct worker *w)
{
	struct kept_all *all = &w->kept;

	while (all->ready_count > 0) {
		uint32_t number = all->ready[all->ready_first++];

		all->ready_count--;
		/* It may have gone since it was found. */
		if (kept_at(w, number)->fd != -1 && kept_attach(w, number))
			return kept_receive(w, kept_at(w, number)->since);
	}
	return TAKEN_NOTHING;
}

/* Without a lot they stay until there is one. */
static bool
kept_give_back(struct worker *w, uint32_t number)
{
	int64_t since = kept_at(w, number)->since;

	if (!kept_attach(w, number))
		return true;
	if (worker_park_idle(w, since))
		return true;
	kept_again(w, since);
	return false;
}

static void
kept_sweep(struct worker *w)
{
	for (uint32_t i = 0; i < w->kept.size; i++)
		if (w->kept.at[i].fd != -1 &&
		    loan_kept_look(w->inherited->loans, w->slot, i,
			w->kept.at[i].loan.token) == LOAN_KEPT_ELSEWHERE)
			kept_drop(w, i + 1);
}

static void
kept_free(struct kept_all *all)
{
	free(all->at);
	all->at = NULL;
	all->size = 0;
	all->ready_count = 0;
}

static int64_t
kept_time(const struct worker *w)
{
	return clock_sooner(
	    KEPT_TIME, w->inherited->config.keepalive_timeout / KEEPALIVE_PART);
}

static int64_t
kept_settle(struct worker *w)
{
	struct kept_all *all = &w->kept;
	int64_t now, time;

	if (all->count == 0) {
		kept_free(all);
		return CLOCK_NEVER;
	}
	now = clock_now();
	time = kept_time(w);
	if (now >= all->sweep_at) {
		all->sweep_at = now + KEPT_SWEEP;
		kept_sweep(w);
	}
	while (all->first != 0) {
		int64_t due = kept_at(w, all->first)->since + time;

		if (now < due)
			return clock_sooner(all->sweep_at, due);
		if (!kept_give_back(w, all->first))
			return clock_sooner(
			    all->sweep_at, now + PARKING_ABSENCE_TICK);
	}
	return CLOCK_NEVER;
}

int64_t
worker_kept_settle(struct worker *w)
{
	w->kept.settle_at = kept_settle(w);
	return w->kept.settle_at;
}

void
worker_kept_look(struct worker *w)
{
	struct epoll_event events[KEPT_READY];
	int n;

	if (w->kept.count == 0)
		return;
	if (clock_now() >= w->kept.settle_at)
		(void)worker_kept_settle(w);
	if (w->kept.ready_count > 0)
		return;
	n = epoll_wait(w->epoll, events, KEPT_READY, 0);
	for (int i = 0; i < n; i++)
		(void)worker_kept_note(w, events[i].data.u64);
}

/* One that cannot go elsewhere is served as a connection without a lot. */
void
worker_kept_end(struct worker *w)
{
	struct kept_all *all = &w->kept;

	all->max = 0;
	all->ready_count = 0;
	while (all->first != 0)
		if (!kept_give_back(w, all->first) &&
		    kept_attach(w, all->first)) {
			w->client.connection.idle_time = 0;
			(void)worker_serve(w, TAKEN_REQUEST);
		}
	kept_free(all);
}
