#include <arpa/inet.h>

#include <errno.h>
#include <unistd.h>

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
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	struct peer p;
	int fd;

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&a, len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	expect_no_client(listener, ENOTCONN);
	expect_no_client(client, ENOTCONN);
	getsockname(listener, (struct sockaddr *)&a, &len);
	ck_assert_int_eq(connect(client, (struct sockaddr *)&a, len), 0);
	fd = accept(listener, NULL, NULL);
	ck_assert_int_eq(peer_look_up(&p, fd), 0);
	ck_assert_str_eq(p.name, "127.0.0.1");
	ck_assert(peer_is_loopback(&p));
	getsockname(client, (struct sockaddr *)&a, &len);
	ck_assert_int_eq(peer_port(&p.address), ntohs(a.sin_port));
	close(listener);
	close(client);
	close(fd);
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
