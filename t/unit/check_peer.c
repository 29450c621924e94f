#include <arpa/inet.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "loopback.h"
#include "net/peer.h"
#include "unit.h"

static void
expect_no_client(int fd, int error)
{
	struct peer p;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(peer_look_up(&p, fd), -1);
	ck_assert_int_eq(errno, error);
}

TEST(the_kernel_tells_who_is_connected)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int listener = loopback_listen(&a);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	struct peer p;
	int fd;

	expect_no_client(listener, ENOTCONN);
	expect_no_client(client, ENOTCONN);
	fd = loopback_connect(client, listener, &a);
	ck_assert_int_eq(peer_look_up(&p, fd), 0);
	ck_assert_str_eq(p.name, "127.0.0.1");
	ck_assert(peer_is_loopback(&p));
	getsockname(client, (struct sockaddr *)&a, &len);
	ck_assert_int_eq(peer_port(&p.address), ntohs(a.sin_port));
	close(client);
	close(fd);
}

/* Each number in each place, alone and mapped. */
TEST(the_name_of_an_ipv4_address_is_what_inet_ntop_makes_of_it)
{
	for (uint32_t i = 0; i < 4 * 256; i++) {
		uint32_t bits = UINT32_C(0x01630a07) ^ i % 256 << i / 256 * 8;
		struct sockaddr_in v4 = {
		    .sin_family = AF_INET, .sin_addr.s_addr = htonl(bits)};
		struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
		char wanted[INET_ADDRSTRLEN];
		struct peer p = {0};

		inet_ntop(AF_INET, &v4.sin_addr, wanted, sizeof(wanted));
		memcpy(&p.address, &v4, sizeof(v4));
		peer_set_name(&p);
		ck_assert_str_eq(p.name, wanted);
		memset(&v6.sin6_addr.s6_addr[10], 0xff, 2);
		memcpy(&v6.sin6_addr.s6_addr[12], &v4.sin_addr, 4);
		memcpy(&p.address, &v6, sizeof(v6));
		peer_set_name(&p);
		ck_assert_str_eq(p.name, wanted);
	}
}

TEST(of_unix_sockets_only_streams_are_clients)
{
	int stream[2], channel[2];
	struct peer p;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, stream), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, channel), 0);
	ck_assert_int_eq(peer_look_up(&p, stream[0]), 0);
	ck_assert_str_eq(p.name, "unix");
	expect_no_client(channel[0], EPROTOTYPE);
}

TEST(other_files_are_no_clients)
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	expect_no_client(ends[0], ENOTSOCK);
}
