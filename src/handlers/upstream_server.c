#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/path.h"
#include "handlers/upstream_server.h"
#include "net/listen_address.h"

#define ABSENCE_FIRST CLOCK_SECOND
#define ABSENCE_DOUBLINGS 5

static void
add_address(
    struct upstream_server *s, const struct sockaddr *address, socklen_t length)
{
	struct upstream_address *a;

	s->addresses = memory_resize(
	    s->addresses, s->address_count + 1, sizeof(s->addresses[0]));
	a = &s->addresses[s->address_count++];
	*a = (struct upstream_address){.length = length};
	memcpy(&a->at, address, length);
}

static int
upstream_server_add_path(
    struct upstream_server *s, const char *path, struct buffer *why)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	char *whole = path_absolute(path);
	bool fits =
	    strlcpy(a.sun_path, whole, sizeof(a.sun_path)) < sizeof(a.sun_path);

	if (fits)
		add_address(s, (const struct sockaddr *)&a, sizeof(a));
	else
		buffer_printf(why, "unix:%s: longer than %zu bytes", whole,
		    sizeof(a.sun_path) - 1);
	free(whole);
	errno = EINVAL;
	return fits ? 0 : -1;
}

static int
upstream_server_look_up(struct upstream_server *s,
    const struct listen_address *a, struct buffer *why)
{
	const struct addrinfo hints = {
	    .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *all;
	int error = getaddrinfo(a->host, a->port, &hints, &all);

	if (error != 0) {
		buffer_printf(why, "%s: cannot look up the host: %s", s->name,
		    error == EAI_SYSTEM ? strerror(errno)
					: gai_strerror(error));
		errno = EHOSTUNREACH;
		return -1;
	}
	for (const struct addrinfo *i = all; i != NULL; i = i->ai_next)
		add_address(s, i->ai_addr, i->ai_addrlen);
	freeaddrinfo(all);
	return 0;
}

void
upstream_server_tell(const struct upstream_server *s, struct buffer *found)
{
	buffer_add(
	    found, (const char *)&s->address_count, sizeof(s->address_count));
	buffer_add(found, (const char *)s->addresses,
	    s->address_count * sizeof(s->addresses[0]));
}

static int
upstream_server_take_found(
    struct upstream_server *s, struct text *found, struct buffer *why)
{
	struct upstream_address a;
	size_t count = 0;

	(void)text_cut_bytes(found, &count, sizeof(count));
	while (count > 0 && text_cut_bytes(found, &a, sizeof(a)) &&
	    a.length <= sizeof(a.at)) {
		add_address(s, (const struct sockaddr *)&a.at, a.length);
		count--;
	}
	if (count == 0 && s->address_count > 0)
		return 0;
	buffer_printf(why, "%s: it was not looked up", s->name);
	errno = EHOSTUNREACH;
	return -1;
}

int
upstream_server_init(struct upstream_server *s, const char *address,
    struct text *found, struct buffer *why)
{
	struct listen_address a;
	const char *mistake = listen_address_parse(address, &a);

	s->name = memory_copy_string(address);
	s->kept = -1;
	if (mistake == NULL && a.path == NULL &&
	    (a.host[0] == '\0' || strcmp(a.port, "0") == 0))
		mistake = "expected a host and a port, such as localhost:8000";
	if (mistake != NULL) {
		buffer_printf(why, "%s: %s", address, mistake);
		errno = EINVAL;
		return -1;
	}
	if (found != NULL)
		return upstream_server_take_found(s, found, why);
	if (a.path == NULL)
		return upstream_server_look_up(s, &a, why);
	return upstream_server_add_path(s, a.path, why);
}

void
upstream_server_free(struct upstream_server *s)
{
	upstream_server_drop_kept(s);
	free(s->name);
	free(s->addresses);
}

int
upstream_server_connect(const struct upstream_server *s)
{
	const struct upstream_address *a = &s->addresses[s->current];
	const struct timeval wait = clock_timeval(UPSTREAM_SERVER_READ_TIME);
	const int on = 1;
	int fd = socket(
	    a->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int saved;

	if (fd == -1)
		return -1;
	if (a->at.ss_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if ((connect(fd, (const struct sockaddr *)&a->at, a->length) == 0 ||
		errno == EINPROGRESS) &&
	    fcntl(fd, F_SETFL, 0) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

bool
upstream_server_next_address(struct upstream_server *s, size_t *tried)
{
	s->current = (s->current + 1) % s->address_count;
	return ++*tried < s->address_count;
}

int64_t
upstream_server_fail(struct upstream_server *s, int64_t now)
{
	unsigned doublings =
	    s->failures < ABSENCE_DOUBLINGS ? s->failures : ABSENCE_DOUBLINGS;
	int64_t absence = ABSENCE_FIRST << doublings;

	if (absence > UPSTREAM_SERVER_ABSENCE_MAX)
		absence = UPSTREAM_SERVER_ABSENCE_MAX;
	s->failures++;
	s->absent_until = now + absence;
	upstream_server_drop_kept(s);
	return absence;
}

void
upstream_server_succeed(struct upstream_server *s)
{
	s->failures = 0;
	s->absent_until = 0;
}

void
upstream_server_keep(
    struct upstream_server *s, int fd, int64_t born, int64_t until)
{
	upstream_server_drop_kept(s);
	s->kept = fd;
	s->kept_born = born;
	s->kept_until = clock_sooner(until, born + UPSTREAM_SERVER_AGE_MAX);
}

void
upstream_server_drop_kept(struct upstream_server *s)
{
	if (s->kept != -1)
		close(s->kept);
	s->kept = -1;
}

int64_t
upstream_server_settle(struct upstream_server *s, int64_t now)
{
	if (s->kept != -1 && now >= s->kept_until)
		upstream_server_drop_kept(s);
	return s->kept != -1 ? s->kept_until : CLOCK_NEVER;
}

static bool
is_quiet(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1 &&
	    errno == EAGAIN;
}

int
upstream_server_take_kept(struct upstream_server *s, int64_t now, int64_t *born)
{
	int fd = s->kept;

	if (upstream_server_settle(s, now) == CLOCK_NEVER)
		return -1;
	if (!is_quiet(fd)) {
		upstream_server_drop_kept(s);
		return -1;
	}
	s->kept = -1;
	*born = s->kept_born;
	return fd;
}
