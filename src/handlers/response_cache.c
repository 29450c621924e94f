#include <sys/mman.h>

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/random.h"
#include "handlers/response_cache.h"

#define ALIGNMENT alignof(max_align_t)
#define BUCKETS 512 /* a power of 2 */
#define SEEN 256    /* the same */
/* 64 bits of the golden ratio: odd, without a pattern. */
#define HASH_FACTOR UINT64_C(0x9e3779b97f4a7c15)

/* A key that was not found: the half of its hash that is not its place. */
struct response_cache_key {
	uint32_t hash;
	uint32_t expires; /* milliseconds, of which the upper bits are lost */
};

/*
 * In the ring; its key and its response follow.  Offsets are of the ring, and 0
 * is none: the ring begins with the heads of the chains.
 */
struct record {
	uint32_t size;	    /* of all of it */
	uint32_t next;	    /* offset of the next record in the chain */
	uint32_t next_file; /* offset of the next newer one with an open file */
	int file;	    /* owned; -1: none */
	bool forgotten;	    /* its file was closed */
	uint64_t hash;
	int64_t expires;
	size_t key_length;
	alignas(max_align_t) char bytes[];
};

struct ring {
	uint32_t chains[BUCKETS];
	alignas(max_align_t) char records[];
};

#define RING_BEGIN ((uint32_t)offsetof(struct ring, records))

void
response_cache_init(struct response_cache *c, int64_t time, uint32_t memory)
{
	*c = (struct response_cache){
	    .time = time,
	    .memory = memory,
	    .seed = random_number(),
	};
}

static uint32_t
ring_end(const struct response_cache *c)
{
	return RING_BEGIN + c->memory;
}

void
response_cache_free(struct response_cache *c)
{
	response_cache_close_files(c);
	if (c->ring != NULL)
		munmap(c->ring, ring_end(c));
	free(c->seen);
	*c = (struct response_cache){0};
}

static size_t
align(size_t n)
{
	return (n + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}

static struct record *
record_at(const struct response_cache *c, uint32_t offset)
{
	return (struct record *)(void *)(c->ring + offset);
}

static uint32_t *
chain_of(const struct response_cache *c, uint64_t hash)
{
	struct ring *ring = (struct ring *)(void *)c->ring;

	return &ring->chains[hash % BUCKETS];
}

/* Eight bytes at a time. */
static uint64_t
hash_of(const struct response_cache *c, struct text key)
{
	uint64_t hash = c->seed ^ key.len, word;

	for (size_t i = 0; i < key.len; i += sizeof(word)) {
		size_t left = key.len - i;

		word = 0;
		if (left >= sizeof(word))
			memcpy(&word, key.at + i, sizeof(word));
		else
			memcpy(&word, key.at + i, left);
		hash = (hash ^ word) * HASH_FACTOR;
		hash ^= hash >> 32;
	}
	return hash;
}

static void
empty(struct response_cache *c)
{
	c->first = c->end = RING_BEGIN;
	c->top = ring_end(c);
	c->count = 0;
}

/* The record itself stays until it is the oldest of all. */
static void
close_first_file(struct response_cache *c)
{
	struct record *oldest = record_at(c, c->first_file);

	close(oldest->file);
	oldest->file = -1;
	oldest->forgotten = true;
	c->first_file = oldest->next_file;
	c->files--;
}

bool
response_cache_close_files(struct response_cache *c)
{
	if (c->files == 0)
		return false;
	while (c->files > 0)
		close_first_file(c);
	return true;
}

/* The oldest of its chain is the last: all are added at the front. */
static void
drop_first(struct response_cache *c)
{
	const struct record *oldest = record_at(c, c->first);
	uint32_t *link = chain_of(c, oldest->hash);

	if (oldest->file != -1)
		close_first_file(c);
	while (*link != c->first)
		link = &record_at(c, *link)->next;
	*link = oldest->next;
	c->first += oldest->size;
	if (--c->count == 0) {
		empty(c);
	} else if (c->first == c->top) {
		c->first = RING_BEGIN;
		c->top = ring_end(c);
	}
}

static void
response_cache_expire(struct response_cache *c, int64_t now)
{
	while (c->files > 0 && record_at(c, c->first_file)->expires <= now)
		close_first_file(c);
	while (c->count > 0 && record_at(c, c->first)->expires <= now)
		drop_first(c);
}

static const struct record *
find_record(const struct response_cache *c, struct text key)
{
	uint64_t hash = hash_of(c, key);
	uint32_t offset = *chain_of(c, hash);

	while (offset != 0) {
		const struct record *r = record_at(c, offset);

		if (r->hash == hash && !r->forgotten &&
		    text_equal(key, (struct text){r->bytes, r->key_length}))
			return r;
		offset = r->next;
	}
	return NULL;
}

const void *
response_cache_find(struct response_cache *c, struct text key, int64_t now)
{
	const struct record *r;

	if (c->count == 0)
		return NULL;
	response_cache_expire(c, now);
	r = find_record(c, key);
	return r != NULL ? r->bytes + align(r->key_length) : NULL;
}

bool
response_cache_wants(struct response_cache *c, struct text key, int64_t now)
{
	uint32_t when = (uint32_t)(now / CLOCK_MILLISECOND);
	int64_t kept = c->time / CLOCK_MILLISECOND;
	struct response_cache_key *seen;
	uint64_t hash;
	bool again;

	if (c->time == 0)
		return false;
	if (c->seen == NULL)
		c->seen = memory_get_array(SEEN, sizeof(c->seen[0]));
	hash = hash_of(c, key);
	seen = &c->seen[hash % SEEN];
	again = seen->hash == (uint32_t)(hash >> 32) &&
	    (int32_t)(seen->expires - when) > 0;
	seen->hash = (uint32_t)(hash >> 32);
	seen->expires = when + (uint32_t)(kept < INT32_MAX ? kept : INT32_MAX);
	return again;
}

static bool
make_ring(struct response_cache *c)
{
	void *ring = mmap(NULL, ring_end(c), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (ring == MAP_FAILED)
		return false;
	c->ring = ring;
	empty(c);
	return true;
}

/* The free part of the ring is behind the newest, up to the oldest. */
static void
response_cache_make_room(struct response_cache *c, uint32_t size)
{
	while (c->count == RESPONSE_CACHE_MAX)
		drop_first(c);
	for (;;) {
		if (c->count == 0 || c->end > c->first) {
			if (ring_end(c) - c->end >= size)
				return;
			c->top = c->end;
			c->end = RING_BEGIN;
		}
		if (c->first - c->end >= size)
			return;
		drop_first(c);
	}
}

void *
response_cache_reserve(struct response_cache *c, struct text key, size_t size)
{
	size_t most = c->memory / RESPONSE_CACHE_PART, whole;
	struct record *r;

	if (size > most || key.len > most)
		return NULL;
	whole = sizeof(*r) + align(key.len) + align(size);
	if (whole > most || (c->ring == NULL && !make_ring(c)))
		return NULL;
	response_cache_make_room(c, (uint32_t)whole);
	c->in_use = true;
	r = record_at(c, c->end);
	*r = (struct record){
	    .size = (uint32_t)whole,
	    .file = -1,
	    .hash = hash_of(c, key),
	    .key_length = key.len,
	};
	memcpy(r->bytes, key.at, key.len);
	return r->bytes + align(key.len);
}

static void
response_cache_add_file(
    struct response_cache *c, struct record *r, int file, int64_t now)
{
	if (c->files == c->files_max)
		close_first_file(c);
	if (c->files > 0)
		record_at(c, c->last_file)->next_file = c->end;
	else
		c->first_file = c->end;
	c->last_file = c->end;
	c->files++;
	r->file = file;
	r->expires = clock_sooner(r->expires, now + RESPONSE_CACHE_FILE_TIME);
}

void
response_cache_add(struct response_cache *c, int file, int64_t now)
{
	struct record *r = record_at(c, c->end);
	uint32_t *chain = chain_of(c, r->hash);

	r->expires = c->expires = now + c->time;
	if (file != -1)
		response_cache_add_file(c, r, file, now);
	r->next = *chain;
	*chain = c->end;
	c->end += r->size;
	c->count++;
}

int64_t
response_cache_settle(struct response_cache *c, int64_t now)
{
	int64_t next = c->expires;

	if (!c->in_use)
		return CLOCK_NEVER;
	if (c->files > 0)
		next = record_at(c, c->first_file)->expires;
	if (now < next)
		return next;
	response_cache_close_files(c);
	if (now < c->expires)
		return c->expires;
	(void)madvise(c->ring, ring_end(c), MADV_DONTNEED);
	empty(c);
	c->in_use = false;
	return CLOCK_NEVER;
}
