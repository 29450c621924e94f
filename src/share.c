#include <sys/eventfd.h>

#include <string.h>
#include <unistd.h>

#include "memory.h"
#include "share.h"

/* So that no IPv4 address is nobody's. */
#define IPV4 (UINT64_C(1) << 32)

struct share *
share_create(size_t slots, unsigned max)
{
	size_t size = sizeof(struct share) +
	    slots * sizeof(((struct share *)NULL)->serving[0]);
	struct share *s = memory_share(size);

	if (s == NULL)
		return NULL;
	s->slots = slots;
	s->max = max;
	s->freed = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return s->freed != -1 ? s : NULL;
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
	atomic_store(&s->serving[slot], client);
}

void
share_leave(struct share *s, size_t slot)
{
	atomic_store(&s->serving[slot], SHARE_NOBODY);
	share_recount(s);
}

void
share_recount(const struct share *s)
{
	const uint64_t one = 1;

	if (atomic_load(&s->waiting))
		(void)!write(s->freed, &one, sizeof(one));
}

size_t
share_count(const struct share *s, uint64_t client)
{
	size_t count = 0;

	for (size_t i = 0; i < s->slots; i++)
		count += atomic_load_explicit(
			     &s->serving[i], memory_order_relaxed) == client;
	return count;
}
