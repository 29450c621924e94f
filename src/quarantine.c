#include <sys/mman.h>

#include <stdatomic.h>
#include <string.h>

#include "clock.h"
#include "memory.h"
#include "quarantine.h"

/* A reader that meets the writer again and again takes what it has. */
#define READ_TRIES 1000

struct entry {
	int64_t when; /* of a death; of what is held: its end; 0: nothing */
	unsigned method;
	size_t len;
	char path[QUARANTINE_PATH_MAX];
};

struct held {
	atomic_uint sequence; /* even and unchanged: the entry is whole */
	struct entry entry;
};

struct quarantine_place {
	atomic_bool taken;
	struct entry entry;
};

struct quarantine {
	int limit;
	int64_t time;
	size_t size; /* of all this */
	struct entry deaths[QUARANTINE_DEATHS_MAX];
	size_t next_death; /* the oldest, or not used yet */
	atomic_size_t held_count;
	struct held held[QUARANTINE_HELD_MAX];
	struct quarantine_place places[];
};

struct quarantine *
quarantine_create(int limit, int64_t time, size_t workers)
{
	size_t size = sizeof(struct quarantine) +
	    workers * sizeof(struct quarantine_place);
	struct quarantine *q = memory_share(size);

	if (q == NULL)
		return NULL;
	q->limit = limit;
	q->time = time;
	q->size = size;
	return q;
}

void
quarantine_free(struct quarantine *q)
{
	if (q != NULL)
		munmap(q, q->size);
}

static void
set(struct entry *e, const struct quarantine_key *key, int64_t when)
{
	e->when = when;
	e->method = key->method;
	e->len = key->path.len;
	memcpy(e->path, key->path.at, key->path.len);
}

static struct quarantine_key
key_of(const struct entry *e)
{
	return (struct quarantine_key){e->method, {e->path, e->len}};
}

/* A length that is just being changed may be any. */
static bool
is_for(const struct entry *e, const struct quarantine_key *key)
{
	return e->when != 0 && e->method == key->method &&
	    e->len == key->path.len && key->path.len <= QUARANTINE_PATH_MAX &&
	    memcmp(e->path, key->path.at, key->path.len) == 0;
}

struct quarantine_place *
quarantine_place(struct quarantine *q, size_t slot)
{
	return &q->places[slot];
}

void
quarantine_enter(struct quarantine_place *p, const struct quarantine_key *key)
{
	if (key->path.len > QUARANTINE_PATH_MAX)
		return;
	set(&p->entry, key, 0);
	atomic_store_explicit(&p->taken, true, memory_order_release);
}

void
quarantine_leave(struct quarantine_place *p)
{
	atomic_store_explicit(&p->taken, false, memory_order_relaxed);
}

bool
quarantine_take(struct quarantine_place *p, struct quarantine_key *key)
{
	*key = key_of(&p->entry);
	return atomic_exchange(&p->taken, false);
}

static int64_t
left_of(const struct held *h, const struct quarantine_key *key, int64_t now)
{
	int64_t left = 0;

	for (int tries = 0; tries < READ_TRIES; tries++) {
		unsigned before = atomic_load(&h->sequence);

		left = is_for(&h->entry, key) ? h->entry.when - now : 0;
		atomic_thread_fence(memory_order_acquire);
		if (before % 2 == 0 && before == atomic_load(&h->sequence))
			break;
	}
	return left > 0 ? left : 0;
}

int64_t
quarantine_left(
    const struct quarantine *q, const struct quarantine_key *key, int64_t now)
{
	int64_t left = 0;

	if (atomic_load_explicit(&q->held_count, memory_order_relaxed) == 0)
		return 0;
	for (size_t i = 0; i < QUARANTINE_HELD_MAX && left == 0; i++)
		left = left_of(&q->held[i], key, now);
	return left;
}

/* With the death that is just remembered; they count once. */
static int
count_deaths(
    struct quarantine *q, const struct quarantine_key *key, int64_t now)
{
	int count = 0;

	for (size_t i = 0; i < QUARANTINE_DEATHS_MAX; i++)
		if (is_for(&q->deaths[i], key) &&
		    now - q->deaths[i].when <= q->time)
			count++;
	return count;
}

static void
forget_deaths(struct quarantine *q, const struct quarantine_key *key)
{
	for (size_t i = 0; i < QUARANTINE_DEATHS_MAX; i++)
		if (is_for(&q->deaths[i], key))
			q->deaths[i].when = 0;
}

/* One that is free, or the one that ends first. */
static struct held *
find_room(struct quarantine *q)
{
	struct held *first = &q->held[0];

	for (size_t i = 1; i < QUARANTINE_HELD_MAX; i++)
		if (q->held[i].entry.when < first->entry.when)
			first = &q->held[i];
	return first;
}

static void
hold(struct quarantine *q, const struct quarantine_key *key, int64_t until)
{
	struct held *h = find_room(q);

	if (h->entry.when == 0)
		atomic_fetch_add(&q->held_count, 1);
	atomic_fetch_add(&h->sequence, 1);
	set(&h->entry, key, until);
	atomic_fetch_add(&h->sequence, 1);
}

bool
quarantine_strike(
    struct quarantine *q, const struct quarantine_key *key, int64_t now)
{
	if (key->path.len > QUARANTINE_PATH_MAX ||
	    quarantine_left(q, key, now) > 0)
		return false; /* it was under way before */
	set(&q->deaths[q->next_death], key, now);
	q->next_death = (q->next_death + 1) % QUARANTINE_DEATHS_MAX;
	if (count_deaths(q, key, now) < q->limit)
		return false;
	forget_deaths(q, key);
	hold(q, key, now + q->time);
	return true;
}

bool
quarantine_release(
    struct quarantine *q, struct quarantine_key *key, int64_t now)
{
	for (size_t i = 0; i < QUARANTINE_HELD_MAX; i++) {
		struct held *h = &q->held[i];

		if (h->entry.when == 0 || h->entry.when > now)
			continue;
		atomic_fetch_add(&h->sequence, 1);
		h->entry.when = 0;
		atomic_fetch_add(&h->sequence, 1);
		atomic_fetch_sub(&q->held_count, 1);
		*key = key_of(&h->entry);
		return true;
	}
	return false;
}

int64_t
quarantine_next(const struct quarantine *q)
{
	int64_t next = CLOCK_NEVER;

	for (size_t i = 0; i < QUARANTINE_HELD_MAX; i++)
		if (q->held[i].entry.when != 0 && q->held[i].entry.when < next)
			next = q->held[i].entry.when;
	return next;
}
