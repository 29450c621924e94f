#include <stdlib.h>

#include "base/memory.h"
#include "handlers/upstream_pool.h"

int
upstream_pool_add(struct upstream_pool *pool, const char *address,
    struct text *found, struct buffer *why)
{
	struct upstream_server *s;

	pool->servers = memory_resize(
	    pool->servers, pool->count + 1, sizeof(pool->servers[0]));
	s = &pool->servers[pool->count++];
	*s = (struct upstream_server){0};
	return upstream_server_init(s, address, found, why);
}

void
upstream_pool_free(struct upstream_pool *pool)
{
	for (size_t i = 0; i < pool->count; i++)
		upstream_server_free(&pool->servers[i]);
	free(pool->servers);
}

void
upstream_pool_begin(struct upstream_pool *pool)
{
	pool->request++;
}

static bool
is_better(const struct upstream_server *s, const struct upstream_server *than,
    int64_t now)
{
	return than == NULL ||
	    (than->absent_until > now && s->absent_until < than->absent_until);
}

/* The turn passes to the one behind it. */
static void
upstream_pool_take_turn(
    struct upstream_pool *pool, const struct upstream_server *s)
{
	pool->next = (size_t)(s - pool->servers + 1) % pool->count;
}

struct upstream_server *
upstream_pool_choose(struct upstream_pool *pool, int64_t now)
{
	struct upstream_server *best = NULL;

	for (size_t i = 0; i < pool->count; i++) {
		struct upstream_server *s =
		    &pool->servers[(pool->next + i) % pool->count];

		if (s->tried != pool->request && is_better(s, best, now))
			best = s;
	}
	if (best == NULL)
		return NULL;
	best->tried = pool->request;
	upstream_pool_take_turn(pool, best);
	return best;
}

void
upstream_pool_note_busy(
    struct upstream_pool *pool, struct upstream_server *s, bool busy)
{
	s->busy = busy ? pool->request : 0;
}

struct upstream_server *
upstream_pool_choose_busy(struct upstream_pool *pool)
{
	for (size_t i = 0; i < pool->count; i++) {
		struct upstream_server *s =
		    &pool->servers[(pool->next + i) % pool->count];

		if (s->busy == pool->request) {
			upstream_pool_take_turn(pool, s);
			return s;
		}
	}
	return NULL;
}
