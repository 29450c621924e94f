#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "shared/quarantine.h"

/* A reader that keeps meeting the writer uses what it has read. */
#define READ_TRIES 1000

/* In the master's own memory; a child has a copy from the time of its fork. */
struct quarantine {
	int limit;
	int64_t time;
	struct quarantine_list *list;
	struct quarantine_entry deaths[QUARANTINE_DEATHS_MAX];
	size_t next_death; /* the oldest entry, or an unused one */
};

struct quarantine *
quarantine_create(int limit, int64_t time, struct quarantine_list *list)
{
	struct quarantine *q = memory_get_array(1, sizeof(*q));

	q->limit = limit;
	q->time = time;
	q->list = list;
	return q;
}

void
quarantine_free(struct quarantine *q)
{
	free(q);
}

static void
set(struct quarantine_entry *e, const struct quarantine_key *key, int64_t when)
{
	e->when = when;
	e->method = key->method;
	e->len = key->path.len;
	memcpy(e->path, key->path.at, key->path.len);
}

static struct quarantine_key
key_of(const struct quarantine_entry *e)
{
	return (struct quarantine_key){e->method, {e->path, e->len}};
}

/* The writer may be changing the length, so it can be any number. */
static bool
is_for(const struct quarantine_entry *e, const struct quarantine_key *key)
{
	return e->when != 0 && e->method == key->method &&
	    e->len == key->path.len && key->path.len <= QUARANTINE_PATH_MAX &&
	    memcmp(e->path, key->path.at, key->path.len) == 0;
}

void
quarantine_enter(struct quarantine_request *r, const struct quarantine_key *key)
{
	if (key->path.len > QUARANTINE_PATH_MAX)
		return;
	set(&r->entry, key, 0);
	atomic_store_explicit(&r->active, true, memory_order_release);
}

void
quarantine_leave(struct quarantine_request *r)
{
	atomic_store_explicit(&r->active, false, memory_order_relaxed);
}

/* The worker has ended, but an attacker may have written its entry. */
bool
quarantine_take(struct quarantine_request *r, struct quarantine_entry *entry,
    struct quarantine_key *key)
{
	bool active = atomic_exchange(&r->active, false);

	*entry = r->entry;
	*key = key_of(entry);
	return active && entry->len <= sizeof(entry->path);
}

static int64_t
left_of(const struct quarantine_held *h, const struct quarantine_key *key,
    int64_t now)
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

	if (atomic_load_explicit(&q->list->count, memory_order_relaxed) == 0)
		return 0;
	for (size_t i = 0; i < QUARANTINE_HELD_MAX && left == 0; i++)
		left = left_of(&q->list->at[i], key, now);
	return left;
}

/* Counts the deaths for this request, including the one just added. */
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

/* Returns a free entry, or the one that ends first. */
static struct quarantine_held *
find_room(struct quarantine *q)
{
	struct quarantine_held *first = &q->list->at[0];

	for (size_t i = 1; i < QUARANTINE_HELD_MAX; i++)
		if (q->list->at[i].entry.when < first->entry.when)
			first = &q->list->at[i];
	return first;
}

static void
hold(struct quarantine *q, const struct quarantine_key *key, int64_t until)
{
	struct quarantine_held *h = find_room(q);

	if (h->entry.when == 0)
		atomic_fetch_add(&q->list->count, 1);
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
		return false; /* already in quarantine */
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
		struct quarantine_held *h = &q->list->at[i];

		if (h->entry.when == 0 || h->entry.when > now)
			continue;
		atomic_fetch_add(&h->sequence, 1);
		h->entry.when = 0;
		atomic_fetch_add(&h->sequence, 1);
		atomic_fetch_sub(&q->list->count, 1);
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
		if (q->list->at[i].entry.when != 0 &&
		    q->list->at[i].entry.when < next)
			next = q->list->at[i].entry.when;
	return next;
}
