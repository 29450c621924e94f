#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "net/access.h"

#define IPV4_BITS 32
#define IPV6_BITS 128

/*
 * IPv4-mapped (RFC 4291, 2.5.5.2), so that one comparison serves both families.
 */
static void
map_ipv4(const struct in_addr *v4, unsigned char out[16])
{
	memset(out, 0, 10);
	memset(out + 10, 0xff, 2);
	memcpy(out + 12, v4, sizeof(*v4));
}

/* Returns the number of bits in an address of this family; 0 for others. */
static int
parse_address(const char *word, unsigned char out[16])
{
	struct in_addr v4;

	if (inet_pton(AF_INET, word, &v4) == 1) {
		map_ipv4(&v4, out);
		return IPV4_BITS;
	}
	return inet_pton(AF_INET6, word, out) == 1 ? IPV6_BITS : 0;
}

bool
access_add(struct access_list *list, const char *word)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchrnul(word, '/');
	size_t len = (size_t)(slash - word);
	struct access_range range;
	uint64_t bits;
	int width;

	if (len >= sizeof(address))
		return false;
	memcpy(address, word, len);
	address[len] = '\0';
	width = parse_address(address, range.address);
	if (width == 0)
		return false;
	bits = (uint64_t)width;
	if (*slash == '/' &&
	    !text_to_number(text_of(slash + 1), (uint64_t)width, &bits))
		return false;
	range.bits = IPV6_BITS - width + (int)bits;
	list->ranges = memory_resize(
	    list->ranges, list->count + 1, sizeof(list->ranges[0]));
	list->ranges[list->count++] = range;
	return true;
}

static bool
in_range(const struct access_range *range, const unsigned char address[16])
{
	size_t bytes = (size_t)range->bits / 8;
	int rest = range->bits % 8;

	if (memcmp(range->address, address, bytes) != 0)
		return false;
	if (rest == 0)
		return true;
	return (range->address[bytes] ^ address[bytes]) >> (8 - rest) == 0;
}

bool
access_allows(const struct access_list *list, const struct sockaddr *peer)
{
	unsigned char address[16];

	if (list->count == 0 || peer->sa_family == AF_UNIX)
		return true;
	if (peer->sa_family == AF_INET)
		map_ipv4(
		    &((const struct sockaddr_in *)peer)->sin_addr, address);
	else if (peer->sa_family == AF_INET6)
		memcpy(address, &((const struct sockaddr_in6 *)peer)->sin6_addr,
		    sizeof(address));
	else
		return false;
	for (size_t i = 0; i < list->count; i++)
		if (in_range(&list->ranges[i], address))
			return true;
	return false;
}

void
access_free(struct access_list *list)
{
	free(list->ranges);
	*list = (struct access_list){0};
}
