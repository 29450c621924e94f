#include <stdlib.h>

#include "base/memory.h"
#include "shared/client_limit.h"
#include "shared/scoreboard_raw.h"

/* Keeps every IPv4 address different from 0, which means no client. */
#define IPV4 (UINT64_C(1) << 32)

struct client_limit *
client_limit_create(struct scoreboard *board, unsigned max)
{
	struct client_limit *s = memory_get_array(1, sizeof(*s));

	s->board = board;
	s->max = max;
	if (wakeup_open(&s->freed) == 0)
		return s;
	free(s);
	return NULL;
}

void
client_limit_free(struct client_limit *s)
{
	if (s != NULL)
		wakeup_close(&s->freed);
	free(s);
}

static uint64_t
big_endian(const unsigned char *bytes, size_t len)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++)
		n = n << 8 | bytes[i];
	return n;
}

uint64_t
client_limit_client(const struct peer *peer)
{
	const struct sockaddr_in *v4 = (const void *)&peer->address;
	const struct sockaddr_in6 *v6 = (const void *)&peer->address;
	const unsigned char *bytes = v6->sin6_addr.s6_addr;

	switch (peer->address.ss_family) {
	case AF_INET:
		return IPV4 | big_endian((const void *)&v4->sin_addr, 4);
	case AF_INET6:
		if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
			return IPV4 | big_endian(bytes + 12, 4);
		return big_endian(bytes, 8) |
		    IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
	default:
		return CLIENT_LIMIT_NOBODY;
	}
}

void
client_limit_enter(struct client_limit *s, size_t slot, uint64_t client)
{
	atomic_store(&scoreboard_slot(s->board, slot)->serving, client);
}

void
client_limit_leave(struct client_limit *s, size_t slot)
{
	client_limit_enter(s, slot, CLIENT_LIMIT_NOBODY);
	client_limit_recount(s);
}

void
client_limit_recount(const struct client_limit *s)
{
	if (client_limit_is_wanted(s))
		wakeup_send(&s->freed);
}

void
client_limit_set_wanted(const struct client_limit *s, bool wanted)
{
	atomic_store(&s->board->lot->shares_wanted, wanted);
}

bool
client_limit_is_wanted(const struct client_limit *s)
{
	return atomic_load(&s->board->lot->shares_wanted);
}

size_t
client_limit_count(const struct client_limit *s, uint64_t client)
{
	size_t used = atomic_load(&s->board->server->used);
	size_t count = 0;

	for (size_t i = 0; i < used; i++)
		if (atomic_load(&scoreboard_slot(s->board, i)->serving) ==
		    client)
			count++;
	return count;
}
