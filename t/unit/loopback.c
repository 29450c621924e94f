#include <sys/socket.h>

#include <unistd.h>

#include "loopback.h"
#include "unit.h"

int
loopback_listen(struct sockaddr_in *at)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*at);

	*at = (struct sockaddr_in){
	    .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	ck_assert_int_eq(bind(listener, (struct sockaddr *)at, len), 0);
	ck_assert_int_eq(listen(listener, 8), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)at, &len), 0);
	return listener;
}

int
loopback_connect(int client, int listener, const struct sockaddr_in *at)
{
	int server;

	ck_assert_int_eq(
	    connect(client, (const struct sockaddr *)at, sizeof(*at)), 0);
	server = accept(listener, NULL, NULL);
	ck_assert_int_ge(server, 0);
	close(listener);
	return server;
}
