#include <sys/mman.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/relaxed.h"
#include "shared/loan.h"
#include "shared/shared_memory.h"

/*
 * Who may act for a kept loan.  The word has most of the loan's token, too, so
 * that nobody takes the loan for another that was at its place before.
 */
enum turn {
	TURN_FREE,   /* no loan is there: the word is 0 */
	TURN_KEPT,   /* the worker waits: it, and the lot, may take it */
	TURN_SERVED, /* the worker serves it */
	TURN_RECALLED,
	TURN_LEFT, /* the worker has died while it waited */
	TURN_MASK = 7
};

/* The worker writes it, and then the word. */
struct kept {
	_Atomic uint64_t word;
	_Atomic uint32_t requests;
	_Atomic int64_t since;
	struct stall_mark stall;
};

struct death {
	struct loan_name name;
	uint32_t slot;
};

/*
 * Written by a worker; the lot clears the bits of the records that it has read.
 * Nothing else tells which there are, so that a mailbox in disorder is in order
 * again when the lot has read it.
 */
struct mailbox {
	_Atomic uint64_t full;	     /* a bit for each record that is there */
	_Atomic uint32_t place, lot; /* the loan that it has */
	_Atomic uint64_t token;
	_Atomic uint32_t turns; /* loan_kept_turns */
	_Atomic uint32_t top;	/* above the places of kept loans ever used */
	struct loan_record records[LOAN_RECORDS];
	struct kept kept[LOAN_KEPT_MAX];
};

/* Written by the master. */
struct deaths {
	atomic_uint written;
	struct death at[LOAN_DEATHS];
};

static struct deaths *
deaths_of(const struct loans *l)
{
	return (struct deaths *)(void *)l->at;
}

static struct mailbox *
mailbox_of(const struct loans *l, size_t slot)
{
	return (struct mailbox *)(void *)(l->at + (slot + 1) * l->page);
}

static size_t
size_of(const struct loans *l)
{
	return (l->count + 1) * l->page;
}

/* Ordinary memory: no descriptor must lead to pages that a child has unmapped. */
struct loans *
loans_create(size_t slots)
{
	struct loans *l = memory_get_array(1, sizeof(*l));
	void *p;

	l->page = shared_memory_round(sizeof(struct mailbox));
	if (l->page < shared_memory_round(sizeof(struct deaths)))
		l->page = shared_memory_round(sizeof(struct deaths));
	l->count = slots;
	p = mmap(NULL, size_of(l), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p != MAP_FAILED && wakeup_open(&l->returned) == 0) {
		l->at = p;
		return l;
	}
	if (p != MAP_FAILED)
		munmap(p, size_of(l));
	free(l);
	return NULL;
}

void
loans_free(struct loans *l)
{
	if (l == NULL)
		return;
	munmap(l->at, size_of(l));
	wakeup_close(&l->returned);
	free(l);
}

int
loans_confine(struct loans *l, size_t slot)
{
	size_t begin = slot < l->count ? (slot + 1) * l->page : size_of(l);
	size_t end = begin + l->page;

	if (munmap(l->at, begin) == -1)
		return -1;
	return end < size_of(l) ? munmap(l->at + end, size_of(l) - end) : 0;
}

void
loan_claim(struct loans *l, size_t slot, const struct loan_name *name)
{
	struct mailbox *mailbox = mailbox_of(l, slot);

	RELAXED_SET(mailbox->token, name->token);
	RELAXED_SET(mailbox->lot, name->lot);
	atomic_store(&mailbox->place, name->place);
}

void
loan_disclaim(struct loans *l, size_t slot)
{
	static const struct loan_name none;

	loan_claim(l, slot, &none);
}

bool
loan_return(struct loans *l, size_t slot, const struct loan_record *record)
{
	struct mailbox *mailbox = mailbox_of(l, slot);
	uint64_t full = atomic_load(&mailbox->full);
	int place;

	if (full == UINT64_MAX)
		return false;
	place = __builtin_ctzll(~full);
	mailbox->records[place] = *record;
	atomic_fetch_or(&mailbox->full, UINT64_C(1) << place);
	return true;
}

bool
loan_give_back(struct loans *l, size_t slot, const struct loan_record *record)
{
	if (!loan_return(l, slot, record))
		return false;
	loan_disclaim(l, slot);
	return true;
}

bool
loan_is_unread(const struct loans *l, size_t slot)
{
	return atomic_load(&mailbox_of(l, slot)->full) != 0;
}

static uint64_t
word_of(uint64_t token, enum turn turn)
{
	return (token & ~(uint64_t)TURN_MASK) | turn;
}

static uint32_t
places_of(const struct mailbox *mailbox)
{
	uint32_t top = RELAXED_GET(mailbox->top);

	return top < LOAN_KEPT_MAX ? top : LOAN_KEPT_MAX;
}

uint32_t
loan_keep_place(const struct loans *l, size_t slot)
{
	struct mailbox *mailbox = mailbox_of(l, slot);
	uint32_t place = 0;

	while (place < LOAN_KEPT_MAX &&
	    atomic_load(&mailbox->kept[place].word) != TURN_FREE)
		place++;
	if (place < LOAN_KEPT_MAX && place >= places_of(mailbox))
		RELAXED_SET(mailbox->top, place + 1);
	return place;
}

void
loan_keep(struct loans *l, size_t slot, const struct loan_record *record)
{
	struct mailbox *mailbox = mailbox_of(l, slot);
	struct kept *kept = &mailbox->kept[record->place];

	RELAXED_SET(kept->requests, record->requests);
	RELAXED_SET(kept->since, record->since);
	kept->stall = record->stall;
	atomic_store(&kept->word, word_of(record->name.token, TURN_KEPT));
}

/* True if the word was as expected, and is changed. */
static bool
change_turn(struct kept *kept, uint64_t token, enum turn from, enum turn to)
{
	uint64_t word = word_of(token, from);

	return atomic_compare_exchange_strong(&kept->word, &word,
	    to == TURN_FREE ? TURN_FREE : word_of(token, to));
}

bool
loan_kept_hold(
    struct loans *l, size_t slot, uint32_t place, const struct loan_name *name)
{
	return change_turn(&mailbox_of(l, slot)->kept[place], name->token,
	    TURN_KEPT, TURN_SERVED);
}

bool
loan_kept_take(
    struct loans *l, size_t slot, uint32_t place, const struct loan_name *name)
{
	struct mailbox *mailbox = mailbox_of(l, slot);

	loan_claim(l, slot, name);
	if (!loan_kept_hold(l, slot, place, name)) {
		loan_disclaim(l, slot);
		return false;
	}
	RELAXED_SET(mailbox->turns, RELAXED_GET(mailbox->turns) + 1);
	return true;
}

void
loan_kept_end(struct loans *l, size_t slot, uint32_t place)
{
	atomic_store(&mailbox_of(l, slot)->kept[place].word, TURN_FREE);
}

enum loan_kept
loan_kept_look(
    const struct loans *l, size_t slot, uint32_t place, uint64_t token)
{
	uint64_t word = atomic_load(&mailbox_of(l, slot)->kept[place].word);

	if (word == word_of(token, TURN_KEPT))
		return LOAN_KEPT_WAITS;
	if (word == word_of(token, TURN_SERVED))
		return LOAN_KEPT_SERVES;
	if (word == word_of(token, TURN_LEFT))
		return LOAN_KEPT_LEFT;
	return LOAN_KEPT_ELSEWHERE;
}

uint32_t
loan_left_place(const struct loans *l, size_t slot, uint64_t token)
{
	uint32_t place = 0;

	while (place < LOAN_KEPT_MAX &&
	    loan_kept_look(l, slot, place, token) != LOAN_KEPT_LEFT)
		place++;
	return place;
}

uint32_t
loan_kept_turns(const struct loans *l, size_t slot)
{
	return RELAXED_GET(mailbox_of(l, slot)->turns);
}

uint32_t
loan_kept_requests(const struct loans *l, size_t slot, uint32_t place)
{
	return RELAXED_GET(mailbox_of(l, slot)->kept[place].requests);
}

int64_t
loan_kept_since(const struct loans *l, size_t slot, uint32_t place)
{
	return RELAXED_GET(mailbox_of(l, slot)->kept[place].since);
}

/* Reads first: once it is recalled, the worker may keep another at its place. */
bool
loan_recall(struct loans *l, size_t slot, uint32_t place, uint64_t token,
    struct loan_record *record)
{
	struct kept *kept = &mailbox_of(l, slot)->kept[place];
	const struct loan_record last = {
	    .requests = RELAXED_GET(kept->requests),
	    .since = RELAXED_GET(kept->since),
	    .stall = kept->stall,
	};

	if (!change_turn(kept, token, TURN_KEPT, TURN_RECALLED) &&
	    !change_turn(kept, token, TURN_LEFT, TURN_FREE))
		return false;
	*record = last;
	return true;
}

struct loan_name
loan_claimed(const struct loans *l, size_t slot)
{
	const struct mailbox *mailbox = mailbox_of(l, slot);

	return (struct loan_name){
	    .place = atomic_load(&mailbox->place),
	    .lot = RELAXED_GET(mailbox->lot),
	    .token = RELAXED_GET(mailbox->token),
	};
}

/* Returns how many of the loans that a dead worker kept wait for the lot. */
static unsigned
leave_kept(struct mailbox *mailbox)
{
	uint32_t places = places_of(mailbox);
	unsigned count = 0;

	for (uint32_t i = 0; i < places; i++) {
		struct kept *kept = &mailbox->kept[i];
		uint64_t word = atomic_load(&kept->word);

		if ((word & TURN_MASK) == TURN_KEPT &&
		    change_turn(kept, word, TURN_KEPT, TURN_LEFT))
			count++;
		else if ((word & TURN_MASK) != TURN_LEFT)
			atomic_store(&kept->word, TURN_FREE);
	}
	return count;
}

/* The next worker of the slot begins without a loan. */
void
loan_note_death(struct loans *l, size_t slot)
{
	struct deaths *deaths = deaths_of(l);
	unsigned written = RELAXED_GET(deaths->written);
	const struct loan_name name = loan_claimed(l, slot);
	unsigned kept = leave_kept(mailbox_of(l, slot));

	if (name.place == 0 && kept == 0)
		return;
	deaths->at[written % LOAN_DEATHS] =
	    (struct death){.name = name, .slot = (uint32_t)slot};
	loan_disclaim(l, slot);
	atomic_store(&deaths->written, written + 1);
	wakeup_send(&l->returned);
}

/* Of workers that died before this lot began. */
static void
forget_left(struct mailbox *mailbox)
{
	uint32_t places = places_of(mailbox);

	for (uint32_t i = 0; i < places; i++) {
		struct kept *kept = &mailbox->kept[i];
		uint64_t word = atomic_load(&kept->word);

		if ((word & TURN_MASK) == TURN_LEFT)
			(void)change_turn(kept, word, TURN_LEFT, TURN_FREE);
	}
}

/* A mailbox that no worker has used takes no memory yet. */
unsigned
loans_begin(struct loans *l, size_t used)
{
	for (size_t i = 0; i < used; i++) {
		struct mailbox *mailbox = mailbox_of(l, i);

		atomic_store(&mailbox->full, 0);
		forget_left(mailbox);
	}
	return atomic_load(&deaths_of(l)->written);
}

bool
loan_next(struct loans *l, size_t slot, struct loan_record *record)
{
	struct mailbox *mailbox = mailbox_of(l, slot);
	uint64_t full = atomic_load(&mailbox->full);
	int place;

	if (full == 0)
		return false;
	place = __builtin_ctzll(full);
	memcpy(record, &mailbox->records[place], sizeof(*record));
	atomic_fetch_and(&mailbox->full, ~(UINT64_C(1) << place));
	if ((unsigned)record->end >= LOAN_ENDS ||
	    record->place >= LOAN_KEPT_MAX)
		record->name.place = 0;
	return true;
}

bool
loan_next_death(const struct loans *l, unsigned *deaths, struct loan_name *name,
    size_t *slot)
{
	const struct deaths *all = deaths_of(l);
	unsigned written = atomic_load(&all->written);

	if (written - *deaths > LOAN_DEATHS)
		*deaths = written - LOAN_DEATHS;
	if (*deaths == written)
		return false;
	*name = all->at[*deaths % LOAN_DEATHS].name;
	*slot = all->at[*deaths % LOAN_DEATHS].slot;
	(*deaths)++;
	return true;
}
