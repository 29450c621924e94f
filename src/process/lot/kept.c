#include <sys/epoll.h>

#include <stdbool.h>

#include "base/clock.h"
#include "process/lot/state.h"
#include "shared/scoreboard_read.h"

/* How often the lot looks for clients that wait for the worker that keeps them. */
#define KEPT_TICK (10 * CLOCK_MILLISECOND)
/* So many of them are asked for at once. */
#define KEPT_EVENTS 256
/*
 * Workers give back what they keep after a shorter time without a request
 * (worker/kept.c), so one that does not stands still.
 */
#define KEPT_TIME (5 * CLOCK_SECOND)

static enum loan_kept
kept_look(const struct lot *lot, const struct parked *b)
{
	return loan_kept_look(
	    lot->inherited->loans, b->slot, b->place, b->token);
}

static bool
kept_watch(struct lot *lot, struct parked *b)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = b};

	return epoll_ctl(lot->lent.kept, EPOLL_CTL_ADD, b->fd, &event) == 0;
}

/* False if the worker has the client at the moment. */
static bool
kept_recall(struct lot *lot, struct parked *b)
{
	struct loan_record record;

	if (!loan_recall(
		lot->inherited->loans, b->slot, b->place, b->token, &record))
		return false;
	b->recalled = true;
	b->stall = record.stall;
	lot_unname_loan(lot, b);
	lot_take_back(lot, b, &record);
	return true;
}

static bool
kept_is_welcome(const struct lot *lot)
{
	return !lot->stopping && !lot->moving && !lot->held_off;
}

/*
 * The records of a worker have no order, so it may have given the loan back, and
 * the lot does not know it yet: the next record tells.
 */
void
lot_keep_loan(struct lot *lot, struct parked *b, size_t slot,
    const struct loan_record *record)
{
	if (b->unread)
		lot->lent.unread--;
	b->slot = (uint32_t)slot;
	b->place = record->place;
	b->suspect = false;
	b->look = (struct parked_look){0};
	parked_enter(&lot->parked, b, PARKED_KEPT);
	parked_watch_nothing(&lot->parked, b);
	if (lot->parked.counts[PARKED_KEPT] == 1)
		lot->lent.look_at = clock_now() + KEPT_TICK;
	if (!kept_watch(lot, b) || !kept_is_welcome(lot))
		(void)kept_recall(lot, b);
}

void
lot_unkeep_loan(struct lot *lot, const struct parked *b)
{
	(void)epoll_ctl(lot->lent.kept, EPOLL_CTL_DEL, b->fd, NULL);
}

bool
lot_recall_left(struct lot *lot, struct parked *b, size_t slot)
{
	uint32_t place = loan_left_place(lot->inherited->loans, slot, b->token);

	if (place == LOAN_KEPT_MAX)
		return false;
	b->slot = (uint32_t)slot;
	b->place = place;
	return kept_recall(lot, b);
}

static void
kept_recall_if(struct lot *lot,
    bool (*wanted)(struct lot *, struct parked *, size_t), size_t slot)
{
	struct parked *next;

	for (struct parked *b = parked_all_first(&lot->parked, PARKED_KEPT);
	     b != NULL; b = next) {
		next = TAILQ_NEXT(b, entry);
		if (wanted(lot, b, slot))
			(void)kept_recall(lot, b);
	}
}

static bool
kept_is_of(struct lot *lot, struct parked *b, size_t slot)
{
	(void)lot;
	return b->slot == slot;
}

static bool
kept_is_any(struct lot *lot, struct parked *b, size_t slot)
{
	(void)lot, (void)b, (void)slot;
	return true;
}

void
lot_recall_of_dead(struct lot *lot, size_t slot)
{
	kept_recall_if(lot, kept_is_of, slot);
}

void
lot_recall_all(struct lot *lot)
{
	kept_recall_if(lot, kept_is_any, 0);
}

/*
 * True if a client has had bytes in its socket at this look and at the one before,
 * and its worker has not served it in between, though another worker is idle, or
 * has served nobody.
 */
static bool
kept_waits_in_vain(const struct lot *lot, struct parked *b, bool any_idle)
{
	const struct loans *loans = lot->inherited->loans;
	const struct parked_look before = b->look;

	b->look = (struct parked_look){
	    .number = lot->lent.looks,
	    .requests = loan_kept_requests(loans, b->slot, b->place),
	    .turns = loan_kept_turns(loans, b->slot),
	};
	return before.number + 1 == b->look.number &&
	    before.requests == b->look.requests &&
	    (any_idle || before.turns == b->look.turns);
}

/* Returns how many had bytes: at most so many at once. */
static size_t
kept_look_at_some(struct lot *lot, bool any_idle)
{
	struct epoll_event events[KEPT_EVENTS];
	int n = epoll_wait(lot->lent.kept, events, KEPT_EVENTS, 0);

	for (int i = 0; i < n; i++) {
		struct parked *b = events[i].data.ptr;

		if (kept_waits_in_vain(lot, b, any_idle))
			(void)kept_recall(lot, b);
	}
	return n > 0 ? (size_t)n : 0;
}

/*
 * The kernel reports them in turns.  Those that it had no room for are in this look
 * as well, because it takes two looks in a row to recall one.
 */
static void
kept_look_at_all(struct lot *lot)
{
	bool any_idle = scoreboard_has_idle(lot->inherited->board);
	size_t left = lot->parked.counts[PARKED_KEPT];
	size_t n;

	lot->lent.looks++;
	do {
		n = kept_look_at_some(lot, any_idle);
		left -= n < left ? n : left;
	} while (n == KEPT_EVENTS && left > 0);
}

void
lot_look_at_kept(struct lot *lot)
{
	int64_t now;

	if (lot->parked.counts[PARKED_KEPT] == 0)
		return;
	now = clock_now();
	if (now < lot->lent.look_at)
		return;
	lot->lent.look_at = now + KEPT_TICK;
	if (kept_is_welcome(lot))
		kept_look_at_all(lot);
	else
		lot_recall_all(lot);
}

/* True if its worker stands still, or has died and the lot does not know it. */
static bool
kept_is_due(struct lot *lot, struct parked *b, size_t slot)
{
	int64_t since =
	    loan_kept_since(lot->inherited->loans, b->slot, b->place);

	(void)slot;
	return kept_look(lot, b) == LOAN_KEPT_LEFT ||
	    clock_now() - since > KEPT_TIME;
}

/*
 * A loan that is at its place no more in two audits was lost with a worker.  One
 * that is served is claimed, too.
 */
static bool
kept_is_lost(const struct lot *lot, struct parked *b)
{
	bool before = b->suspect;

	b->suspect = kept_look(lot, b) == LOAN_KEPT_ELSEWHERE;
	return before && b->suspect;
}

void
lot_audit_kept(struct lot *lot)
{
	struct parked *next;

	kept_recall_if(lot, kept_is_due, 0);
	for (struct parked *b = parked_all_first(&lot->parked, PARKED_KEPT);
	     b != NULL; b = next) {
		next = TAILQ_NEXT(b, entry);
		if (kept_is_lost(lot, b) && !lot_has_moved_perhaps(lot, b))
			lot_close_loan(lot, b);
	}
}

int64_t
lot_kept_deadline(const struct lot *lot)
{
	return lot->parked.counts[PARKED_KEPT] > 0 ? lot->lent.look_at
						   : CLOCK_NEVER;
}
