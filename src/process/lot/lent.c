#include <sys/epoll.h>
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "process/lot/state.h"
#include "shared/scoreboard_read.h"

/* The table of loans grows by so many places. */
#define PLACES 64
/* This part of the descriptors is not for the lot's own of what is lent. */
#define ROOM_PART 8
/*
 * How long the lot sleeps, at first and at most, while connections are lent: a
 * worker that gives one back need not wake it.
 */
#define NAP_FIRST (50 * CLOCK_MILLISECOND)
#define NAP_MAX SCORE_LOT_NAP
/* How often the lot asks which loans are claimed. */
#define AUDIT_TICK CLOCK_SECOND

static size_t
slots_used(const struct lot *lot)
{
	size_t used = atomic_load(&lot->inherited->board->server->used);

	return used < lot->inherited->loans->count
	    ? used
	    : lot->inherited->loans->count;
}

int
lot_lent_init(struct lot *lot)
{
	struct lent *lent = &lot->lent;

	lent->kept = epoll_create1(EPOLL_CLOEXEC);
	lent->deaths = loans_begin(lot->inherited->loans, slots_used(lot));
	lent->nap = NAP_FIRST;
	return lent->kept == -1 ? -1 : 0;
}

void
lot_lent_free(struct lot *lot)
{
	close(lot->lent.kept);
	free(lot->lent.at);
	free(lot->lent.vacant);
}

static void
lent_grow(struct lent *lent)
{
	size_t size = lent->size + PLACES;

	lent->at = memory_resize(lent->at, size, sizeof(struct parked *));
	lent->vacant =
	    memory_resize(lent->vacant, size, sizeof(lent->vacant[0]));
	for (; lent->size < size; lent->size++) {
		lent->at[lent->size] = NULL;
		lent->vacant[lent->vacancies++] = (uint32_t)lent->size + 1;
	}
}

/* A system call for many tokens. */
static uint64_t
lent_token(struct lent *lent)
{
	if (lent->tokens_left == 0) {
		random_bytes(lent->tokens, sizeof(lent->tokens));
		lent->tokens_left = LENT_TOKENS;
	}
	return lent->tokens[--lent->tokens_left];
}

static bool
head_has(struct text head, struct text words)
{
	return memmem(head.at, head.len, words.at, words.len) != NULL;
}

static bool
head_is_of_1_0(struct text head)
{
	const struct text version = TEXT(" HTTP/1.0\r");
	const char *end = memchr(head.at, '\n', head.len);

	return end != NULL && (size_t)(end - head.at) > version.len &&
	    memcmp(end - version.len, version.at, version.len) == 0;
}

/*
 * True if the client has asked for the end in the usual words, or by HTTP/1.0
 * without the usual words against it.
 */
static bool
head_is_last(struct text head)
{
	if (head_has(head, TEXT("onnection: close\r")))
		return true;
	return head_is_of_1_0(head) && !head_has(head, TEXT("eep-alive")) &&
	    !head_has(head, TEXT("eep-Alive"));
}

/* True if the worker will close the connection, as far as it shows: 408, too. */
static bool
lent_is_last(const struct parked *b)
{
	return b->request_timed_out ||
	    (b->scan.start < b->scan.end &&
		head_is_last((struct text){
		    b->bytes + b->scan.start, b->scan.end - b->scan.start}));
}

/*
 * A connection that has had no response yet may be for one request alone.  Then,
 * and before its last request, a second descriptor would be in vain, and the
 * client would not learn of the end before the lot closes it; but where a worker
 * may still have a copy, only the lot can end the connection for all.
 */
static bool
lent_is_worth_it(const struct lot *lot, const struct parked *b)
{
	return b->requests > 0 && b->deferred == NULL && !lot->stopping &&
	    !lot->moving && (b->recalled || !lent_is_last(b)) &&
	    lot->parked.descriptors + lot->max / ROOM_PART <= lot->max;
}

struct loan_name
lot_name_loan(struct lot *lot, struct parked *b)
{
	struct lent *lent = &lot->lent;

	if (!lent_is_worth_it(lot, b))
		return (struct loan_name){0};
	if (lent->vacancies == 0)
		lent_grow(lent);
	b->loan = lent->vacant[--lent->vacancies];
	b->token = lent_token(lent);
	lent->at[b->loan - 1] = b;
	return (struct loan_name){
	    .place = b->loan,
	    .lot = score_lot_number(lot->inherited->board->lot),
	    .token = b->token,
	};
}

void
lot_unname_loan(struct lot *lot, struct parked *b)
{
	struct lent *lent = &lot->lent;

	if (b->loan == 0)
		return;
	if (b->state == PARKED_LENT && b->unread)
		lent->unread--;
	if (b->state == PARKED_KEPT)
		lot_unkeep_loan(lot, b);
	lent->at[b->loan - 1] = NULL;
	lent->vacant[lent->vacancies++] = b->loan;
	b->loan = 0;
}

void
lot_lend(struct lot *lot, struct parked *b)
{
	lot->lent.unread += b->unread;
	lot->lent.is_active = true;
	b->order = ++lot->lent.last;
	b->suspect = false;
	parked_forget_request(&lot->parked, b);
	parked_enter(&lot->parked, b, PARKED_LENT);
}

void
lot_note_unread(struct lot *lot, struct parked *b)
{
	bool before = b->unread;

	parked_note_unread(&lot->parked, b);
	if (b->state == PARKED_LENT && !before)
		lot->lent.unread++;
}

/* Returns the loan of that name, or NULL: anybody may have written the name. */
static struct parked *
lent_find(const struct lot *lot, const struct loan_name *name)
{
	struct parked *b;

	if (name->place == 0 || name->place > lot->lent.size)
		return NULL;
	b = lot->lent.at[name->place - 1];
	if (b == NULL || b->token != name->token ||
	    (b->state != PARKED_LENT && b->state != PARKED_KEPT))
		return NULL;
	return b;
}

void
lot_forget_loan(struct lot *lot, struct parked *b)
{
	lot_unname_loan(lot, b);
	parked_give_away(&lot->parked, b);
}

void
lot_close_loan(struct lot *lot, struct parked *b)
{
	lot_unname_loan(lot, b);
	parked_release(&lot->parked, b);
}

/* Messages are not read where the lot is drained, or has no room. */
bool
lot_has_moved_perhaps(const struct lot *lot, const struct parked *b)
{
	return b->recalled &&
	    (lot->drained || channel_has_message(&lot->inherited->parked));
}

void
lot_close_lent(struct lot *lot)
{
	struct parked *b;

	while ((b = parked_all_first(&lot->parked, PARKED_LENT)) != NULL)
		lot_forget_loan(lot, b);
}

void
lot_drop_loan(struct lot *lot, const struct loan_name *name)
{
	struct parked *b = lent_find(lot, name);

	if (b != NULL)
		lot_forget_loan(lot, b);
}

/*
 * What the client has sent meanwhile, and its end, were reported while the
 * connection was lent, and are not reported again: unread stays true, so that
 * all of it is read.
 */
static void
lent_wait(struct lot *lot, struct parked *b, const struct loan_record *record)
{
	int64_t now = clock_now();
	int64_t lent_at = b->since;

	b->requests = record->requests;
	b->parked = record->since < lent_at || record->since > now
	    ? now
	    : record->since;
	parked_enter(&lot->parked, b, PARKED_IDLE);
	if (b->unread || lot->drained)
		lot_act_on_parked(lot, b);
}

/* In a stop: a request that is complete still goes to a worker. */
static void
lent_end_wait(struct lot *lot, struct parked *b)
{
	if (b->state == PARKED_IDLE || b->state == PARKED_HEAD)
		parked_release(&lot->parked, b);
}

void
lot_take_back(
    struct lot *lot, struct parked *b, const struct loan_record *record)
{
	lent_wait(lot, b, record);
	if (lot->drained)
		lent_end_wait(lot, b);
}

/* A name that is in order proves that its worker has received that loan. */
static void
lent_note_received(struct lot *lot, const struct parked *b)
{
	if (b->order > lot->lent.received)
		lot->lent.received = b->order;
}

static void
lent_linger(struct lot *lot, struct parked *b)
{
	shutdown(b->fd, SHUT_WR); /* workers may not */
	b->parked = clock_now();
	parked_enter(&lot->parked, b, PARKED_LINGER);
}

static void
lent_end(struct lot *lot, struct parked *b, const struct loan_record *record)
{
	lot_unname_loan(lot, b);
	b->stall = record->stall;
	switch (record->end) {
	case LOAN_LINGERS:
		lent_linger(lot, b);
		break;
	case LOAN_CLOSES:
		parked_release(&lot->parked, b);
		break;
	case LOAN_MOVES:
		parked_give_away(&lot->parked, b);
		break;
	default:
		lot_take_back(lot, b, record);
		break;
	}
}

/*
 * A worker that kept a loan, and has ended it since, says so in any order; and the
 * lot may have read the message of one that has moved, or recalled one just before
 * it was returned.
 */
static void
lent_read_record(struct lot *lot, size_t slot, const struct loan_record *record)
{
	struct parked *b = lent_find(lot, &record->name);

	if (b == NULL) {
		if (record->end != LOAN_KEPT && record->end != LOAN_MOVES &&
		    record->end != LOAN_RETURNS)
			score_lot_stray(lot->inherited->board->lot);
		return;
	}
	lent_note_received(lot, b);
	if (record->end != LOAN_KEPT)
		lent_end(lot, b, record);
	else if (b->state == PARKED_LENT)
		lot_keep_loan(lot, b, slot, record);
}

/*
 * Returns how many loans were given back.  A worker that writes without end does
 * not occupy the lot.
 */
static size_t
lent_read_records(struct lot *lot)
{
	size_t used = slots_used(lot);
	struct loan_record record;
	size_t count = 0;

	for (size_t i = 0; i < used; i++)
		for (int n = 0; n < LOAN_RECORDS &&
		     loan_next(lot->inherited->loans, i, &record);
		     n++) {
			lent_read_record(lot, i, &record);
			count++;
		}
	return count;
}

/* What may have moved is left to the audit. */
static void
lent_close_of_dead_worker(
    struct lot *lot, const struct loan_name *name, size_t slot)
{
	struct parked *b = lent_find(lot, name);

	if (b == NULL || lot_recall_left(lot, b, slot))
		return;
	lent_note_received(lot, b);
	if (!lot_has_moved_perhaps(lot, b))
		lot_close_loan(lot, b);
}

/* After the records, its last too: it may have given its loan back and then died. */
static void
lent_close_of_dead_workers(struct lot *lot)
{
	struct loan_name name;
	size_t slot;

	while (loan_next_death(
	    lot->inherited->loans, &lot->lent.deaths, &name, &slot)) {
		(void)lent_read_records(lot);
		lent_close_of_dead_worker(lot, &name, slot);
		lot_recall_of_dead(lot, slot);
	}
}

static void
lent_mark_claimed(struct lot *lot)
{
	size_t used = slots_used(lot);
	struct parked *b;

	for (b = parked_all_first(&lot->parked, PARKED_LENT); b != NULL;
	     b = TAILQ_NEXT(b, entry))
		b->claimed = false;
	for (size_t i = 0; i < used; i++) {
		const struct loan_name name =
		    loan_claimed(lot->inherited->loans, i);

		b = lent_find(lot, &name);
		if (b == NULL)
			continue;
		b->claimed = true;
		lent_note_received(lot, b);
	}
}

static bool
lent_is_any_unclaimed(const struct lot *lot)
{
	for (const struct parked *b =
		 parked_all_first(&lot->parked, PARKED_LENT);
	     b != NULL; b = TAILQ_NEXT(b, entry))
		if (!b->claimed)
			return true;
	return false;
}

/*
 * True if a loan is lost: a worker has received it, and nobody had it in two
 * audits.
 */
static bool
lent_is_lost(const struct lent *lent, struct parked *b)
{
	bool before = b->suspect;

	b->suspect = !b->claimed && b->order <= lent->received;
	return before && b->suspect;
}

/*
 * Closes the loans that nobody has.  A worker may have been killed between
 * receiving a loan and claiming it, could not say that it has closed its copy as its
 * mailbox was full, or was taken over.  A loan was received if
 * the channel, which keeps the order, is empty, or if a later one was received.
 * Claims are read before records, so that a loan that is given back in between
 * is not taken for lost.
 */
static void
lent_audit(struct lot *lot, int64_t now)
{
	struct lent *lent = &lot->lent;
	struct parked *b, *next;

	lent->audit_at = now + AUDIT_TICK;
	lent_mark_claimed(lot);
	(void)lent_read_records(lot);
	lent->is_in_doubt = lent_is_any_unclaimed(lot);
	if (lent->is_in_doubt && !channel_has_message(&lot->inherited->ready))
		lent->received = lent->last;
	for (b = parked_all_first(&lot->parked, PARKED_LENT); b != NULL;
	     b = next) {
		next = TAILQ_NEXT(b, entry);
		if (lent_is_lost(lent, b) && !lot_has_moved_perhaps(lot, b))
			lot_close_loan(lot, b);
	}
	lot_audit_kept(lot);
}

static bool
lent_is_any(const struct lot *lot)
{
	return lot->parked.counts[PARKED_LENT] +
	    lot->parked.counts[PARKED_KEPT] >
	    0;
}

bool
lot_take_back_loans(struct lot *lot)
{
	size_t count;

	if (!lent_is_any(lot))
		return false;
	count = lent_read_records(lot);
	lent_close_of_dead_workers(lot);
	if (count > 0)
		lot->lent.is_active = true;
	return count > 0;
}

void
lot_read_mailboxes(struct lot *lot)
{
	(void)wakeup_take(&lot->inherited->loans->returned);
	(void)lent_read_records(lot);
}

void
lot_look_for_lost_loans(struct lot *lot)
{
	int64_t now;

	if (!lent_is_any(lot))
		return;
	now = clock_now();
	if (now >= lot->lent.audit_at)
		lent_audit(lot, now);
}

int64_t
lot_lent_deadline(struct lot *lot)
{
	struct lent *lent = &lot->lent;
	int64_t until;

	score_lot_wants_loans(lot->inherited->board->lot,
	    lent->unread > 0 || lot->stopping || lot->moving || lot->held_off);
	if (!lent_is_any(lot))
		return CLOCK_NEVER;
	if (lent->is_active)
		lent->nap = NAP_FIRST;
	else if (lent->nap < NAP_MAX)
		lent->nap *= 2;
	lent->is_active = false;
	until = clock_sooner(clock_now() + lent->nap, lot_kept_deadline(lot));
	return lent->is_in_doubt ? clock_sooner(until, lent->audit_at) : until;
}
