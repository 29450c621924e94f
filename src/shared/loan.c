#include <sys/mman.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/relaxed.h"
#include "shared/loan.h"
#include "shared/shared_memory.h"

/*
 * Written by a worker; the lot clears the bits of the records that it has read.
 * Nothing else tells which there are, so that a mailbox in disorder is in order
 * again when the lot has read it.
 */
struct mailbox {
	_Atomic uint64_t full;	     /* a bit for each record that is there */
	_Atomic uint32_t place, lot; /* the loan that it has */
	_Atomic uint64_t token;
	struct loan_record records[LOAN_RECORDS];
};

/* Written by the master. */
struct deaths {
	atomic_uint written;
	struct loan_name at[LOAN_DEATHS];
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
loan_give_back(struct loans *l, size_t slot, const struct loan_record *record)
{
	struct mailbox *mailbox = mailbox_of(l, slot);
	uint64_t full = atomic_load(&mailbox->full);
	int place;

	if (full == UINT64_MAX)
		return false;
	place = __builtin_ctzll(~full);
	mailbox->records[place] = *record;
	atomic_fetch_or(&mailbox->full, UINT64_C(1) << place);
	loan_disclaim(l, slot);
	return true;
}

bool
loan_is_unread(const struct loans *l, size_t slot)
{
	return atomic_load(&mailbox_of(l, slot)->full) != 0;
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

/* The next worker of the slot begins without a loan. */
void
loan_note_death(struct loans *l, size_t slot)
{
	struct deaths *deaths = deaths_of(l);
	unsigned written = RELAXED_GET(deaths->written);
	const struct loan_name name = loan_claimed(l, slot);

	if (name.place == 0)
		return;
	deaths->at[written % LOAN_DEATHS] = name;
	loan_disclaim(l, slot);
	atomic_store(&deaths->written, written + 1);
	wakeup_send(&l->returned);
}

/* A mailbox that no worker has used takes no memory yet. */
unsigned
loans_begin(struct loans *l, size_t used)
{
	for (size_t i = 0; i < used; i++)
		atomic_store(&mailbox_of(l, i)->full, 0);
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
	if ((unsigned)record->end >= LOAN_ENDS)
		record->name.place = 0;
	return true;
}

bool
loan_next_death(const struct loans *l, unsigned *deaths, struct loan_name *name)
{
	const struct deaths *all = deaths_of(l);
	unsigned written = atomic_load(&all->written);

	if (written - *deaths > LOAN_DEATHS)
		*deaths = written - LOAN_DEATHS;
	if (*deaths == written)
		return false;
	*name = all->at[(*deaths)++ % LOAN_DEATHS];
	return true;
}
