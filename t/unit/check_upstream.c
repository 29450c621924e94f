#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "descriptors.h"
#include "handlers/upstream_pool.h"
#include "loopback.h"
#include "unit.h"

static struct upstream_pool pool;
static struct buffer why;

void
unit_set_up(void)
{
	pool = (struct upstream_pool){0};
	why = (struct buffer){0};
}

void
unit_tear_down(void)
{
	upstream_pool_free(&pool);
	buffer_free(&why);
}

static void
add(const char *address)
{
	ck_assert_msg(upstream_pool_add(&pool, address, NULL, &why) == 0,
	    "%s: %s", address, buffer_string(&why));
}

static void
assert_wrong(const char *address, const char *words)
{
	buffer_clear(&why);
	ck_assert_int_eq(upstream_pool_add(&pool, address, NULL, &why), -1);
	ck_assert_msg(strstr(buffer_string(&why), words) != NULL,
	    "\"%s\": no \"%s\" in: %s", address, words, buffer_string(&why));
}

/* The index of the server that the next choice of this request gives. */
static size_t
choose(int64_t now)
{
	struct upstream_server *s = upstream_pool_choose(&pool, now);

	return s != NULL ? (size_t)(s - pool.servers) : pool.count;
}

/* The first choice of a new request. */
static size_t
choose_first(int64_t now)
{
	upstream_pool_begin(&pool);
	return choose(now);
}

/* A socket that listens on a free port, and its address. */
static int
listen_somewhere(char address[64])
{
	struct sockaddr_in a;
	int fd = loopback_listen(&a);

	snprintf(address, 64, "127.0.0.1:%u", ntohs(a.sin_port));
	return fd;
}

TEST(addresses_are_checked)
{
	add("127.0.0.1:80");
	add("[::1]:8080");
	add("unix:/run/x.sock");
	ck_assert_int_eq(pool.servers[0].addresses[0].at.ss_family, AF_INET);
	ck_assert_int_eq(pool.servers[1].addresses[0].at.ss_family, AF_INET6);
	ck_assert_int_eq(pool.servers[2].addresses[0].at.ss_family, AF_UNIX);
	assert_wrong("", "expected host:port");
	assert_wrong("localhost", "expected host:port");
	assert_wrong(":80", "expected a host and a port");
	assert_wrong("localhost:0", "expected a host and a port");
	assert_wrong("localhost:65536", "up to 65535");
	assert_wrong("::1:80", "in brackets");
	assert_wrong("unix:", "expected unix:PATH");
	assert_wrong("no.such.host.invalid:80", "cannot look up");
}

TEST(servers_take_turns)
{
	add("127.0.0.1:1");
	add("127.0.0.1:2");
	add("127.0.0.1:3");
	for (size_t i = 0; i < 7; i++)
		ck_assert_uint_eq(choose_first(0), i % 3);
}

TEST(a_request_tries_each_server_once)
{
	add("127.0.0.1:1");
	add("127.0.0.1:2");
	ck_assert_uint_eq(choose_first(0), 0);
	ck_assert_uint_eq(choose(0), 1);
	ck_assert_uint_eq(choose(0), 2); /* none */
	ck_assert_uint_eq(choose_first(0), 0);
}

TEST(a_server_that_fails_is_left_out_for_a_while)
{
	int64_t absence;

	add("127.0.0.1:1");
	add("127.0.0.1:2");
	ck_assert_uint_eq(choose_first(0), 0);
	absence = upstream_server_fail(&pool.servers[0], 0);
	ck_assert_int_eq(absence, CLOCK_SECOND);
	for (int i = 0; i < 5; i++)
		ck_assert_uint_eq(choose_first(absence - 1), 1);
	ck_assert_uint_eq(choose_first(absence), 0);
	ck_assert_uint_eq(choose_first(absence), 1);
}

TEST(the_back_off_grows_and_is_bounded)
{
	int64_t before = 0, absence = 0;

	add("127.0.0.1:1");
	for (int i = 0; i < 100; i++) {
		absence = upstream_server_fail(&pool.servers[0], 0);
		ck_assert_int_ge(absence, before);
		before = absence;
	}
	ck_assert_int_eq(absence, UPSTREAM_SERVER_ABSENCE_MAX);
	upstream_server_succeed(&pool.servers[0]);
	absence = upstream_server_fail(&pool.servers[0], 0);
	ck_assert_int_eq(absence, CLOCK_SECOND);
}

TEST(if_all_are_left_out_the_first_to_return_is_taken)
{
	add("127.0.0.1:1");
	add("127.0.0.1:2");
	add("127.0.0.1:3");
	upstream_server_fail(&pool.servers[0], 2 * CLOCK_SECOND);
	upstream_server_fail(&pool.servers[1], CLOCK_SECOND);
	upstream_server_fail(&pool.servers[2], 3 * CLOCK_SECOND);
	ck_assert_uint_eq(choose_first(CLOCK_SECOND), 1);
	ck_assert_uint_eq(choose(CLOCK_SECOND), 0);
	ck_assert_uint_eq(choose(CLOCK_SECOND), 2);
	ck_assert_uint_eq(choose(CLOCK_SECOND), 3);
}

TEST(all_addresses_of_a_host_are_tried)
{
	struct upstream_server *s;
	size_t tried = 0;

	add("127.0.0.1:1");
	s = &pool.servers[0];
	ck_assert(!upstream_server_next_address(s, &tried));
	upstream_pool_free(&pool);
	pool = (struct upstream_pool){0};
	tried = 0;
	add("localhost:1");
	s = &pool.servers[0];
	for (size_t i = 1; i < s->address_count; i++)
		ck_assert(upstream_server_next_address(s, &tried));
	ck_assert(!upstream_server_next_address(s, &tried));
	ck_assert_uint_eq(s->current, 0);
}

/* A connection to a listener, as a worker keeps it, and the server's end. */
static int
keep_one(int listener, int64_t until)
{
	struct upstream_server *s = &pool.servers[0];
	int fd = upstream_server_connect(s);
	struct pollfd ready = {.fd = fd, .events = POLLOUT};

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(poll(&ready, 1, -1), 1);
	upstream_server_keep(s, fd, 0, until);
	return accept(listener, NULL, NULL);
}

TEST(a_kept_connection_is_used_once_more)
{
	char address[64];
	int listener = listen_somewhere(address);
	int64_t born = 1;
	int before, peer, fd;

	add(address);
	before = descriptors_count();
	peer = keep_one(listener, CLOCK_SECOND);
	fd = upstream_server_take_kept(&pool.servers[0], 1, &born);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(born, 0);
	ck_assert_int_eq(
	    upstream_server_take_kept(&pool.servers[0], 1, &born), -1);
	close(fd);
	close(peer);
	ck_assert_int_eq(descriptors_count(), before);
	close(listener);
}

TEST(a_kept_connection_is_not_used_when_it_was_closed_or_spoke)
{
	char address[64];
	int listener = listen_somewhere(address);
	struct pollfd ready = {.events = POLLIN};
	int64_t born;
	int peer;

	add(address);
	for (int i = 0; i < 2; i++) {
		peer = keep_one(listener, CLOCK_SECOND);
		ready.fd = pool.servers[0].kept;
		if (i == 0)
			ck_assert_int_eq(send(peer, "x", 1, 0), 1);
		else
			shutdown(peer, SHUT_WR);
		ck_assert_int_eq(poll(&ready, 1, -1), 1);
		ck_assert_int_eq(
		    upstream_server_take_kept(&pool.servers[0], 1, &born), -1);
		ck_assert_int_eq(pool.servers[0].kept, -1);
		close(peer);
	}
	close(listener);
}

TEST(a_kept_connection_has_its_time)
{
	char address[64];
	int listener = listen_somewhere(address);
	struct upstream_server *s;
	int64_t born;
	int peer;

	add(address);
	s = &pool.servers[0];
	ck_assert_int_eq(upstream_server_settle(s, 0), CLOCK_NEVER);
	peer = keep_one(listener, CLOCK_SECOND);
	ck_assert_int_eq(upstream_server_settle(s, 0), CLOCK_SECOND);
	ck_assert_int_eq(upstream_server_settle(s, CLOCK_SECOND), CLOCK_NEVER);
	ck_assert_int_eq(recv(peer, &born, 1, 0), 0);
	close(peer);
	peer = keep_one(listener, CLOCK_SECOND);
	ck_assert_int_eq(upstream_server_take_kept(s, CLOCK_SECOND, &born), -1);
	close(peer);
	peer =
	    keep_one(listener, 2 * UPSTREAM_SERVER_AGE_MAX); /* it gets old */
	ck_assert_int_eq(upstream_server_settle(s, 0), UPSTREAM_SERVER_AGE_MAX);
	close(peer);
	close(listener);
}

TEST(a_unix_socket_whose_queue_is_full_is_busy)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	char address[sizeof(a.sun_path) + 8];
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fds[3];

	snprintf(a.sun_path, sizeof(a.sun_path), "/tmp/check_upstream.%d",
	    (int)getpid());
	snprintf(address, sizeof(address), "unix:%s", a.sun_path);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(listener, 0), 0);
	add(address);
	for (int i = 0; i < 3; i++) {
		fds[i] = upstream_server_connect(&pool.servers[0]);
		if (fds[i] == -1)
			ck_assert_int_eq(errno, EAGAIN);
	}
	ck_assert_int_ne(fds[0], -1);
	ck_assert_int_eq(fds[2], -1);
	unlink(a.sun_path);
	ck_assert_int_eq(upstream_server_connect(&pool.servers[0]), -1);
	ck_assert_int_eq(errno, ENOENT);
	for (int i = 0; i < 3; i++)
		if (fds[i] != -1)
			close(fds[i]);
	close(listener);
}

/* What one process has looked up, another one need not. */
TEST(addresses_pass_from_process_to_process)
{
	struct upstream_pool second = {0};
	struct buffer found = {0};
	struct text rest;

	add("127.0.0.1:81");
	add("unix:/run/x");
	for (size_t i = 0; i < pool.count; i++)
		upstream_server_tell(&pool.servers[i], &found);
	rest = buffer_text(&found);
	ck_assert_int_eq(
	    upstream_pool_add(&second, "no.such.host:81", &rest, &why), 0);
	ck_assert_int_eq(upstream_pool_add(&second, "unix:/x", &rest, &why), 0);
	ck_assert_uint_eq(rest.len, 0);
	for (size_t i = 0; i < pool.count; i++) {
		const struct upstream_address *a = pool.servers[i].addresses;
		const struct upstream_address *b = second.servers[i].addresses;

		ck_assert_uint_eq(a->length, b->length);
		ck_assert_mem_eq(&a->at, &b->at, sizeof(a->at));
	}
	ck_assert_int_eq(upstream_pool_add(&second, "a:1", &rest, &why), -1);
	ck_assert_ptr_nonnull(strstr(buffer_string(&why), "not looked up"));
	upstream_pool_free(&second);
	buffer_free(&found);
}
