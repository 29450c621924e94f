#include <stdlib.h>

#include "memory.h"
#include "share.h"

/* So that no IPv4 address is nobody's. */
#define IPV4 (UINT64_C(1) << 32)

struct share *
share_create(struct scoreboard *board, unsigned max)
{
	struct share *s = memory_get_array(1, sizeof(*s));

	s->board = board;
	s->max = max;
	if (wakeup_open(&s->freed) == 0)
		return s;
	free(s);
	return NULL;
}

void
share_free(struct share *s)
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
share_client(const struct peer *peer)
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
		return SHARE_NOBODY;
	}
}

void
share_enter(struct share *s, size_t slot, uint64_t client)
{
	atomic_store(&scoreboard_slot(s->board, slot)->serving, client);
}

void
share_leave(struct share *s, size_t slot)
{
	share_enter(s, slot, SHARE_NOBODY);
	share_recount(s);
}

void
share_recount(const struct share *s)
{
	if (share_is_wanted(s))
		wakeup_send(&s->freed);
}

void
share_set_wanted(const struct share *s, bool wanted)
{
	atomic_store(&s->board->lot->shares_wanted, wanted);
}

bool
share_is_wanted(const struct share *s)
{
	return atomic_load(&s->board->lot->shares_wanted);
}

size_t
share_count(const struct share *s, uint64_t client)
{
	size_t used = atomic_load(&s->board->server->used);
	size_t count = 0;

	for (size_t i = 0; i < used; i++)
		if (atomic_load(&scoreboard_slot(s->board, i)->serving) ==
		    client)
			count++;
	return count;
}
