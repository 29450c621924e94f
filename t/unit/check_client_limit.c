#include <arpa/inet.h>

#include <unistd.h>

#include "shared/client_limit.h"
#include "unit.h"

#define SLOTS 8

static uint64_t
client_of(int family, const char *address)
{
	struct peer peer = {.address.ss_family = (sa_family_t)family};
	struct sockaddr_in *v4 = (void *)&peer.address;
	struct sockaddr_in6 *v6 = (void *)&peer.address;

	if (family == AF_INET)
		ck_assert_int_eq(inet_pton(family, address, &v4->sin_addr), 1);
	if (family == AF_INET6)
		ck_assert_int_eq(inet_pton(family, address, &v6->sin6_addr), 1);
	return client_limit_client(&peer);
}

TEST(an_ipv4_address_is_a_client)
{
	uint64_t one = client_of(AF_INET, "192.0.2.1");

	ck_assert_uint_ne(one, CLIENT_LIMIT_NOBODY);
	ck_assert_uint_ne(client_of(AF_INET, "0.0.0.0"), CLIENT_LIMIT_NOBODY);
	ck_assert_uint_eq(one, client_of(AF_INET, "192.0.2.1"));
	ck_assert_uint_ne(one, client_of(AF_INET, "192.0.2.2"));
	ck_assert_uint_eq(one, client_of(AF_INET6, "::ffff:192.0.2.1"));
}

TEST(of_ipv6_a_network_of_64_bits_is_one)
{
	uint64_t one = client_of(AF_INET6, "2001:db8:1:2::1");

	ck_assert_uint_eq(one, client_of(AF_INET6, "2001:db8:1:2:ffff::9"));
	ck_assert_uint_ne(one, client_of(AF_INET6, "2001:db8:1:3::1"));
	ck_assert_uint_ne(client_of(AF_INET6, "::1"), CLIENT_LIMIT_NOBODY);
}

TEST(a_unix_socket_is_nobodys)
{
	ck_assert_uint_eq(client_of(AF_UNIX, ""), CLIENT_LIMIT_NOBODY);
}

TEST(workers_of_a_client_are_counted)
{
	struct scoreboard *board = scoreboard_create(SLOTS);
	struct client_limit *s = client_limit_create(board, 2);

	ck_assert_ptr_nonnull(s);
	scoreboard_use(board, SLOTS - 1);
	client_limit_enter(s, 0, 7);
	client_limit_enter(s, 3, 7);
	client_limit_enter(s, 4, 8);
	ck_assert_uint_eq(client_limit_count(s, 7), 2);
	client_limit_enter(s, 3, 8);
	ck_assert_uint_eq(client_limit_count(s, 7), 1);
	client_limit_leave(s, 0);
	ck_assert_uint_eq(client_limit_count(s, 7), 0);
	ck_assert(!wakeup_take(&s->freed));
	client_limit_set_wanted(s, true);
	client_limit_leave(s, 3);
	ck_assert(wakeup_take(&s->freed));
	client_limit_free(s);
	scoreboard_free(board);
}
