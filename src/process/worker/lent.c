#include <time.h>

#include "base/clock.h"
#include "process/worker/state.h"

/* How often, and with which pause, a worker asks whether its mailbox was read. */
#define MAILBOX_TRIES 200
#define MAILBOX_PAUSE (20 * CLOCK_MICROSECOND)

int
worker_receive_loan(
    struct worker *w, struct handoff *h, size_t *len, struct deferred *deferred)
{
	struct connection *c = &w->client.connection;
	int fd = channel_receive(
	    &w->inherited->ready, h, c->in.data, c->in.size, len, deferred);

	if (fd == -1 || h->loan.place == 0)
		return fd;
	w->loan = h->loan;
	loan_claim(w->inherited->loans, w->slot, &w->loan);
	return fd;
}

/* How long the lot may sleep before it learns of that end. */
static int64_t
longest_sleep(const struct worker *w, enum loan_end end)
{
	if (end != LOAN_WAITS)
		return 0;
	return w->inherited->config.keepalive_timeout / KEEPALIVE_PART;
}

/* False if what goes on would end with a lot that has ended, or stands still. */
static bool
lent_may_give_back(
    const struct worker *w, const struct loan_record *record, int64_t now)
{
	const struct score_lot *lot = w->inherited->board->lot;

	if (record->name.lot != score_lot_number(lot))
		return false;
	return record->end == LOAN_CLOSES || record->end == LOAN_MOVES ||
	    !score_lot_is_late(lot, now);
}

bool
worker_return_loan(struct worker *w, const struct loan_record *record)
{
	struct loans *loans = w->inherited->loans;

	if (!lent_may_give_back(w, record, clock_now()))
		return false;
	if (loan_return(loans, w->slot, record))
		return true;
	worker_settle_mailbox(w);
	return loan_return(loans, w->slot, record);
}

bool
worker_give_back(struct worker *w, enum loan_end end, int64_t since)
{
	const struct score_lot *lot = w->inherited->board->lot;
	struct loan_record record = {
	    .name = w->loan,
	    .end = end,
	    .requests = w->client.connection.requests,
	    .stall = w->client.connection.stall,
	};
	int64_t now;

	if (!worker_has_loan(w))
		return false;
	now = clock_now();
	record.since = since != 0 ? since : now;
	if (!lent_may_give_back(w, &record, now))
		return false;
	if (!loan_give_back(w->inherited->loans, w->slot, &record))
		return false;
	w->loan.place = 0;
	worker_become_free(w);
	if (score_lot_must_wake(lot, now, longest_sleep(w, end)))
		wakeup_send(&w->inherited->loans->returned);
	return true;
}

void
worker_settle_mailbox(struct worker *w)
{
	const struct timespec pause = {.tv_nsec = MAILBOX_PAUSE};
	const struct inherited *h = w->inherited;

	if (h->loans == NULL || !loan_is_unread(h->loans, w->slot)) {
		w->mailbox_is_stuck = false;
		return;
	}
	if (w->mailbox_is_stuck || score_lot_number(h->board->lot) == 0)
		return;
	wakeup_send(&h->loans->returned);
	for (int i = 0; i < MAILBOX_TRIES && loan_is_unread(h->loans, w->slot);
	     i++)
		nanosleep(&pause, NULL);
	w->mailbox_is_stuck = loan_is_unread(h->loans, w->slot);
}

void
worker_end_loan(struct worker *w)
{
	enum loan_end end = w->has_moved ? LOAN_MOVES : LOAN_CLOSES;

	w->has_moved = false;
	if (w->loan.place == 0 || worker_give_back(w, end, 0))
		return;
	worker_settle_mailbox(w);
	if (worker_give_back(w, end, 0))
		return;
	loan_disclaim(w->inherited->loans, w->slot);
	w->loan.place = 0;
}
