#include <sys/queue.h>

#include <errno.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/units.h"
#include "handlers/builtin.h"
#include "handlers/upstream.h"

#define CONNECT_TIMEOUT (5 * CLOCK_SECOND)
#define FIRST_BYTE_TIMEOUT (60 * CLOCK_SECOND)
#define IDLE_TIMEOUT (60 * CLOCK_SECOND)

/* The memory that is kept for the next request. */
#define OUT_KEPT ((size_t)128 << 10)

struct upstream {
	LIST_ENTRY(upstream) entry;
	struct upstream_pool pool;
	struct buffer out; /* of the request that is passed on */
};

/* All that are mounted. */
static LIST_HEAD(upstreams, upstream) all = LIST_HEAD_INITIALIZER(all);

/* ---- Mounting ---- */

bool
upstream_time(struct tined_mount *m, const char *key, int64_t *time)
{
	const char *value = tined_argument(m, key);

	if (value == NULL || units_time(value, time))
		return true;
	builtin_mount_usage(
	    m, "%s=%s: expected a time, such as 500ms, 20s or 1m", key, value);
	return false;
}

/* A limit of 0 would mean that nothing is ever in time. */
static bool
upstream_limit(struct tined_mount *m, const char *key, int64_t *time)
{
	if (!upstream_time(m, key, time))
		return false;
	if (*time > 0)
		return true;
	builtin_mount_usage(m, "%s=0: expected more than 0", key);
	return false;
}

static bool
take_limits(struct upstream_limits *limits, struct tined_mount *m)
{
	return upstream_limit(m, "connect-timeout", &limits->connect) &&
	    upstream_limit(m, "first-byte-timeout", &limits->first_byte) &&
	    upstream_limit(m, "idle-timeout", &limits->idle) &&
	    upstream_time(m, "keepalive", &limits->keepalive);
}

/* A name server that does not answer is no mistake in the command line. */
static void
explain_server(struct tined_mount *m, struct buffer *why)
{
	if (errno == EINVAL)
		builtin_mount_usage(m, "%s", buffer_string(why));
	else
		tined_mount_fail(m, "%s", buffer_string(why));
}

/* For the second call of the mount function: builtin.h. */
static void
note_servers(const struct upstream *u, struct tined_mount *m)
{
	struct buffer found = {0};

	for (size_t i = 0; i < u->pool.count; i++)
		upstream_server_tell(&u->pool.servers[i], &found);
	builtin_note_found(m, buffer_text(&found));
	buffer_free(&found);
}

static bool
take_servers(struct upstream *u, struct tined_mount *m, const char *address)
{
	struct text *found = builtin_setup(m)->found;
	struct buffer why = {0};
	int result = 0;

	for (size_t i = 0; address != NULL && result == 0; i++) {
		result = upstream_pool_add(&u->pool, address, found, &why);
		if (result == -1)
			explain_server(m, &why);
		else
			address = tined_argument_at(m, "upstream", i);
	}
	buffer_free(&why);
	if (result == 0)
		note_servers(u, m);
	return result == 0;
}

struct upstream *
upstream_mount(struct tined_mount *m, const char *address, int64_t keepalive)
{
	struct upstream *u = memory_get_array(1, sizeof(*u));

	u->pool.limits = (struct upstream_limits){
	    .connect = CONNECT_TIMEOUT,
	    .first_byte = FIRST_BYTE_TIMEOUT,
	    .idle = IDLE_TIMEOUT,
	    .keepalive = keepalive,
	};
	LIST_INSERT_HEAD(&all, u, entry);
	tined_need(m, TINED_NEED_CONNECT);
	if (take_limits(&u->pool.limits, m) && take_servers(u, m, address))
		return u;
	upstream_unmount(u);
	return NULL;
}

void
upstream_unmount(struct upstream *u)
{
	LIST_REMOVE(u, entry);
	upstream_pool_free(&u->pool);
	buffer_free(&u->out);
	free(u);
}

void
upstream_stop(struct upstream *u)
{
	for (size_t i = 0; i < u->pool.count; i++)
		upstream_server_drop_kept(&u->pool.servers[i]);
}

int64_t
upstream_settle(int64_t now)
{
	int64_t due = CLOCK_NEVER;
	struct upstream *u;

	LIST_FOREACH(u, &all, entry)
		for (size_t i = 0; i < u->pool.count; i++)
			due = clock_sooner(due,
			    upstream_server_settle(&u->pool.servers[i], now));
	return due;
}

bool
upstream_keeps(const struct upstream *u)
{
	return u->pool.limits.keepalive > 0;
}

struct buffer *
upstream_out(struct upstream *u)
{
	buffer_shrink(&u->out, OUT_KEPT);
	return &u->out;
}

int
upstream_forward(struct upstream *u, struct upstream_request *r)
{
	return upstream_passage_run(&u->pool, r);
}
