#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "guard.h"
#include "net/listen_address.h"
#include "net/listener.h"
#include "unit.h"

#define NOBODY 65534
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const struct listener_options options = {
    .receive_timeout = 5 * CLOCK_SECOND,
    .send_timeout = 7 * CLOCK_SECOND,
    .defer = CLOCK_SECOND,
};

static struct listeners all;
static struct buffer why;
static char folder[64];
static char address[128]; /* of a Unix socket in folder */

void
unit_set_up(void)
{
	snprintf(folder, sizeof(folder), "/tmp/tined-check-listener-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(address, sizeof(address), "unix:%s/socket", folder);
	listener_init(&all, &options);
}

void
unit_tear_down(void)
{
	listener_close_all(&all);
	buffer_free(&why);
	unlink(address + strlen("unix:"));
	rmdir(folder);
}

static bool
is_taken(const char *an_address)
{
	struct listen_address parts;

	return listen_address_parse(an_address, &parts) == NULL;
}

TEST(addresses_are_host_port_or_unix_path)
{
	static const char *const good[] = {"localhost:8080", ":80", ":0",
	    "127.0.0.1:65535", "[::1]:80", "[::]:0", "a.example:1",
	    "unix:/run/tined.sock", "unix:relative"};

	for (size_t i = 0; i < COUNT(good); i++)
		ck_assert_msg(is_taken(guard_string(good[i])),
		    "\"%s\" is refused", good[i]);
}

TEST(other_addresses_are_refused)
{
	static const char *const bad[] = {"", ":", "80", "localhost",
	    "localhost:", "localhost:65536", "localhost:-1", "localhost:http",
	    "localhost:80 ", "localhost: 80", "::1:80", "[::1]", "[::1]80",
	    "[::1:80", "::1]:80", "a:b:80", "http://a:80", "unix:"};

	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(
		    !is_taken(guard_string(bad[i])), "\"%s\" is taken", bad[i]);
}

TEST(names_that_are_too_long_are_refused)
{
	struct sockaddr_un un;
	struct buffer b = {0};

	for (int i = 0; i < 255; i++)
		buffer_add_char(&b, 'a');
	buffer_add_string(&b, ":80");
	ck_assert(is_taken(buffer_string(&b)));
	buffer_clear(&b);
	for (int i = 0; i < 256; i++)
		buffer_add_char(&b, 'a');
	buffer_add_string(&b, ":80");
	ck_assert(!is_taken(buffer_string(&b)));
	buffer_clear(&b);
	buffer_add_string(&b, "unix:");
	while (b.len < strlen("unix:") + sizeof(un.sun_path) - 1)
		buffer_add_char(&b, 'a');
	ck_assert(is_taken(buffer_string(&b)));
	buffer_add_char(&b, 'a');
	ck_assert(!is_taken(buffer_string(&b)));
	buffer_free(&b);
}

/* The mistake in an address is named. */
TEST(each_mistake_has_its_own_words)
{
	static const struct {
		const char *address, *words;
	} bad[] = {
	    {"localhost:65536", "a number up to 65535"},
	    {"localhost:http", "a number up to 65535"},
	    {"::1:80", "in brackets"},
	    {"8080", ":port or unix:PATH"},
	    {"unix:", "expected unix:PATH"},
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct listen_address parts;
		const char *said = listen_address_parse(bad[i].address, &parts);

		ck_assert_ptr_nonnull(said);
		ck_assert_msg(strstr(said, bad[i].words) != NULL, "%s: %s",
		    bad[i].address, said);
	}
}

static void
open_one(const char *where)
{
	int result = listener_open(&all, where, &why);

	ck_assert_msg(result == 0, "%s: %s", where, buffer_string(&why));
}

static unsigned
port_of(const struct listener *l)
{
	struct sockaddr_in a = {0};
	socklen_t len = sizeof(a);

	ck_assert_int_eq(getsockname(l->fd, (struct sockaddr *)&a, &len), 0);
	return ntohs(a.sin_port);
}

TEST(the_url_has_the_port_that_the_kernel_chose)
{
	struct buffer url = {0};

	open_one("127.0.0.1:0");
	ck_assert_uint_eq(all.count, 1);
	ck_assert_uint_gt(port_of(&all.at[0]), 0);
	buffer_printf(&url, "http://127.0.0.1:%u/", port_of(&all.at[0]));
	ck_assert_str_eq(all.at[0].url, buffer_string(&url));
	ck_assert_ptr_null(all.at[0].path);
	buffer_free(&url);
}

static int
int_option(int fd, int level, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, option, &value, &len), 0);
	return value;
}

static long
seconds_option(int fd, int option)
{
	struct timeval tv = {0};
	socklen_t len = sizeof(tv);

	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, option, &tv, &len), 0);
	return (long)tv.tv_sec;
}

/* A client that has sent a byte: the kernel keeps silent ones (defer). */
static int
connect_silently(const struct listener *l)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);
	int fd;

	ck_assert_int_eq(getsockname(l->fd, (struct sockaddr *)&a, &len), 0);
	fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, len), 0);
	return fd;
}

static int
connect_to(const struct listener *l)
{
	int fd = connect_silently(l);

	ck_assert_int_eq(send(fd, "x", 1, 0), 1);
	return fd;
}

static int
accept_from(const struct listener *l)
{
	int fd;

	do {
		fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
	} while (fd == -1 && errno == EAGAIN);
	ck_assert_int_ne(fd, -1);
	return fd;
}

TEST(what_is_accepted_inherits_every_option_and_blocks)
{
	int client, fd;

	open_one("127.0.0.1:0");
	ck_assert_int_ne(fcntl(all.at[0].fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(all.at[0].fd, F_GETFD) & FD_CLOEXEC, 0);
	client = connect_to(&all.at[0]);
	fd = accept_from(&all.at[0]);
	ck_assert_int_ne(int_option(fd, IPPROTO_TCP, TCP_NODELAY), 0);
	ck_assert_int_ne(int_option(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
	ck_assert_int_eq(seconds_option(fd, SO_RCVTIMEO), 5);
	ck_assert_int_eq(seconds_option(fd, SO_SNDTIMEO), 7);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	close(fd);
	close(client);
}

TEST(a_port_in_use_is_told_with_its_mend)
{
	struct buffer again = {0};

	open_one("127.0.0.1:0");
	buffer_printf(&again, "127.0.0.1:%u", port_of(&all.at[0]));
	ck_assert_int_eq(listener_open(&all, buffer_string(&again), &why), -1);
	ck_assert_ptr_nonnull(
	    strstr(buffer_string(&why), buffer_string(&again)));
	ck_assert_ptr_nonnull(strstr(buffer_string(&why), "--listen"));
	ck_assert_ptr_null(strchr(buffer_string(&why), '\n'));
	ck_assert_uint_eq(all.count, 1);
	buffer_free(&again);
}

TEST(a_unix_socket_is_made_and_removed)
{
	const char *path = address + strlen("unix:");
	struct stat st;
	int client, fd;

	open_one(address);
	ck_assert_str_eq(all.at[0].url, address);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	client = connect_to(&all.at[0]);
	fd = accept_from(&all.at[0]);
	listener_set_timeouts(&all, fd);
	ck_assert_int_eq(seconds_option(fd, SO_RCVTIMEO), 5);
	ck_assert_int_eq(seconds_option(fd, SO_SNDTIMEO), 7);
	close(fd);
	close(client);
	listener_close_all(&all);
	ck_assert_int_eq(lstat(path, &st), -1);
}

/* As a server leaves it that was killed. */
static void
leave_stale_socket(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/socket", folder);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	close(fd);
}

TEST(a_stale_unix_socket_is_replaced_and_a_live_one_is_not)
{
	leave_stale_socket();
	open_one(address);
	ck_assert_int_eq(listener_open(&all, address, &why), -1);
	ck_assert_uint_gt(why.len, 0);
	ck_assert_uint_eq(all.count, 1);
	close(connect_to(&all.at[0]));
}

TEST(a_path_that_is_another_servers_by_now_stays)
{
	const char *path = address + strlen("unix:");
	char moved[sizeof(folder) + 8];
	struct stat st;

	snprintf(moved, sizeof(moved), "%s/moved", folder);
	open_one(address);
	/* Renamed, so that its inode is not used again. */
	ck_assert_int_eq(rename(path, moved), 0);
	leave_stale_socket();
	listener_close_all(&all);
	unlink(moved);
	ck_assert_int_eq(lstat(path, &st), 0);
}

/* A client of the Unix socket that does not wait; false if it cannot be. */
static bool
join_queue(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/socket", folder);
	return connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
}

TEST(a_server_whose_queue_is_full_is_live)
{
	struct listener_options narrow = options;
	struct stat st;

	narrow.backlog = 1;
	listener_init(&all, &narrow);
	open_one(address);
	while (join_queue())
		;
	ck_assert_int_eq(listener_open(&all, address, &why), -1);
	ck_assert_int_eq(lstat(address + strlen("unix:"), &st), 0);
}

TEST(a_client_that_waits_is_seen_until_it_is_accepted)
{
	int client, fd;

	open_one(address);
	ck_assert(!listener_has_waiting(&all));
	client = connect_to(&all.at[0]);
	ck_assert(listener_has_waiting(&all));
	fd = accept_from(&all.at[0]);
	ck_assert(!listener_has_waiting(&all));
	close(fd);
	close(client);
}

TEST(who_waits_is_accepted_after_the_last_greeting)
{
	struct stat st;
	int client, fd;

	open_one(address);
	client = connect_to(&all.at[0]);
	listener_stop_greeting(&all);
	ck_assert_int_eq(lstat(address + strlen("unix:"), &st), -1);
	ck_assert(!join_queue());
	ck_assert(listener_has_waiting(&all));
	fd = accept_from(&all.at[0]);
	close(fd);
	close(client);
}

/* The kernel lets root do more; the server need not be root. */
static void
become_ordinary(void)
{
	if (geteuid() == 0)
		ck_assert_int_eq(setresuid(NOBODY, NOBODY, NOBODY), 0);
}

static bool
is_refused(const struct listener *l)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool refused;

	ck_assert_int_eq(getsockname(l->fd, (struct sockaddr *)&a, &len), 0);
	refused = connect(fd, (struct sockaddr *)&a, len) == -1 &&
	    errno == ECONNREFUSED;
	close(fd);
	return refused;
}

/* With TCP_DEFER_ACCEPT it does not wait to be accepted before it speaks. */
TEST(a_handshake_under_way_is_completed_after_the_last_greeting)
{
	int client, fd;

	become_ordinary();
	open_one("127.0.0.1:0");
	ck_assert(!listener_is_greeting(&all));
	client = connect_silently(&all.at[0]);
	listener_stop_greeting(&all);
	ck_assert(listener_is_greeting(&all));
	ck_assert(!listener_has_waiting(&all));
	ck_assert(is_refused(&all.at[0]));
	ck_assert_int_eq(send(client, "x", 1, MSG_NOSIGNAL), 1);
	ck_assert(!listener_is_greeting(&all));
	ck_assert(listener_has_waiting(&all));
	fd = accept_from(&all.at[0]);
	ck_assert_int_eq(send(fd, "y", 1, MSG_NOSIGNAL), 1);
	close(fd);
	close(client);
}

TEST(a_file_that_is_no_socket_is_never_removed)
{
	const char *path = address + strlen("unix:");
	struct stat st;
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	ck_assert_int_ne(fd, -1);
	close(fd);
	ck_assert_int_eq(listener_open(&all, address, &why), -1);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert(S_ISREG(st.st_mode));
}

static bool
is_ours(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len) == 0 &&
	    on != 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0 &&
	    (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
}

/* Nothing is asserted here: descriptor 3 was the way to tell of it. */
static _Noreturn void
adopt_in_child(int passed, bool our_pid, const char *count)
{
	char pid[16];
	int result;

	dup2(passed, 3);
	snprintf(pid, sizeof(pid), "%d", our_pid ? getpid() : getppid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", count, 1);
	result = listener_adopt(&all, &why);
	if (result > 0 &&
	    (getenv("LISTEN_FDS") != NULL || all.at[0].fd != 3 || !is_ours(3)))
		result = 100;
	if (result == -1 && why.len == 0)
		result = 101;
	_exit(result);
}

static int
adopt(int passed, bool our_pid, const char *count)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		adopt_in_child(passed, our_pid, count);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	return (signed char)WEXITSTATUS(status);
}

static int
listening_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(listen(fd, 1), 0);
	return fd;
}

TEST(a_passed_socket_is_adopted_with_its_options)
{
	int fd = listening_socket();

	ck_assert_int_eq(adopt(fd, true, "1"), 1);
	close(fd);
}

TEST(sockets_for_another_process_are_left_alone)
{
	int fd = listening_socket();

	ck_assert_int_eq(adopt(fd, false, "1"), 0);
	ck_assert_int_eq(adopt(fd, true, "0"), 0);
	close(fd);
}

TEST(a_count_that_is_none_is_refused)
{
	int fd = listening_socket();

	ck_assert_int_eq(adopt(fd, true, "one"), -1);
	ck_assert_int_eq(adopt(fd, true, "-1"), -1);
	ck_assert_int_eq(adopt(fd, true, "1000000"), -1);
	close(fd);
}

TEST(what_is_passed_and_does_not_listen_is_refused)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int file = open("/dev/null", O_RDONLY);

	ck_assert_int_eq(adopt(fd, true, "1"), -1);
	ck_assert_int_eq(adopt(file, true, "1"), -1);
	close(fd);
	close(file);
}
