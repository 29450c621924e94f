#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "net/backlog.h"
#include "net/listen_address.h"
#include "net/listener.h"
#include "net/passed_sockets.h"
#include "net/socket_path.h"
#include "os/signals.h"

#define SOMAXCONN_FILE "/proc/sys/net/core/somaxconn"
/* Any user who can reach its directory can connect. */
#define LISTENER_UNIX_MODE 0666
/*
 * Bytes of a file that the kernel takes before it can send them.  Over loopback the
 * sender otherwise queues a megabyte at once, and is busy with what its client
 * acknowledges meanwhile: it took twice as much CPU time, and so did the client.
 * sendfile(2) gains by that; what is copied from memory costs more in pieces.
 */
#define FILE_UNSENT_MAX (128 << 10)

static int
default_backlog(void)
{
	char line[16] = "";
	uint64_t backlog = SOMAXCONN;
	FILE *f = fopen(SOMAXCONN_FILE, "re");

	if (f == NULL)
		return SOMAXCONN;
	if (fgets(line, sizeof(line), f) != NULL)
		line[strcspn(line, "\n")] = '\0';
	fclose(f);
	if (!text_to_number(text_of(line), INT_MAX, &backlog))
		return SOMAXCONN;
	return (int)backlog;
}

static void
set_int(int fd, int level, int option, int value)
{
	/* Unix sockets do not have this option, and work without. */
	(void)setsockopt(fd, level, option, &value, sizeof(value));
}

static void
set_time(int fd, int option, int64_t nanoseconds)
{
	struct timeval tv = clock_timeval(nanoseconds);

	(void)setsockopt(fd, SOL_SOCKET, option, &tv, sizeof(tv));
}

void
listener_init(struct listeners *all, const struct listener_options *options)
{
	*all = (struct listeners){.options = *options};
}

void
listener_set_timeouts(const struct listeners *all, int fd)
{
	set_time(fd, SO_RCVTIMEO, all->options.receive_timeout);
	set_time(fd, SO_SNDTIMEO, all->options.send_timeout);
}

/* Those of the options that seccomp.h leaves to workers. */
static void
set_open_options(const struct listeners *all, int fd)
{
	set_int(fd, IPPROTO_TCP, TCP_NODELAY, !all->options.nagle);
	listener_set_timeouts(all, fd);
}

/* Sets the options that accepted sockets inherit; see listener.h. */
static void
set_options(const struct listeners *all, int fd)
{
	int defer = (int)(all->options.defer / CLOCK_SECOND);

	set_open_options(all, fd);
	set_int(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, defer > 0 ? defer : 1);
	set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

void
listener_restore_options(const struct listeners *all)
{
	for (size_t i = 0; i < all->count; i++)
		set_open_options(all, all->at[i].fd);
}

void
listener_suit_files(const struct listeners *all, bool files_only)
{
	for (size_t i = 0; i < all->count; i++)
		set_int(all->at[i].fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT,
		    files_only ? FILE_UNSENT_MAX : 0);
}

/* Adds a listener, which owns the strings. */
static void
add(struct listeners *all, int fd, char *url, char *path)
{
	all->at = memory_resize(all->at, all->count + 1, sizeof(all->at[0]));
	all->at[all->count++] =
	    (struct listener){.fd = fd, .url = url, .path = path};
}

/* Returns the port, which the kernel has chosen if 0 was requested. */
static unsigned
bound_port(int fd)
{
	struct sockaddr_in6 a = {0}; /* the port is where sockaddr_in has it */
	socklen_t len = sizeof(a);

	if (getsockname(fd, (struct sockaddr *)&a, &len) == -1)
		return 0;
	return ntohs(a.sin6_port);
}

static char *
url_of(int fd, const char *host)
{
	bool v6 = strchr(host, ':') != NULL;

	return memory_printf(v6 ? "http://[%s]:%u/" : "http://%s:%u/",
	    *host != '\0' ? host : "*", bound_port(fd));
}

/*
 * fchmod before bind creates the path with this mode, whatever the umask.  A
 * chmod after bind could hit another file that has the name by then.
 */
static int
bind_unix(const struct listeners *all, int fd, const struct sockaddr *a,
    socklen_t len)
{
	mode_t mode = all->options.unix_mode;
	mode_t umask_before;
	int result;

	if (fchmod(fd, mode != 0 ? mode : LISTENER_UNIX_MODE) == -1)
		return -1;
	umask_before = umask(0);
	result = bind(fd, a, len);
	umask(umask_before);
	return result;
}

static int
start_listening(const struct listeners *all, int fd, const struct sockaddr *a,
    socklen_t len)
{
	int backlog = all->options.backlog;

	if (backlog <= 0)
		backlog = default_backlog();
	set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (a->sa_family == AF_INET6)
		set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	set_options(all, fd);
	if ((a->sa_family == AF_UNIX ? bind_unix(all, fd, a, len)
				     : bind(fd, a, len)) == -1)
		return -1;
	/*
	 * From now on clients may wait.  The end of this process would reset
	 * them, but a stop by the master serves them.
	 */
	signals_defer_stop();
	return listen(fd, backlog);
}

/* Returns a listening socket, or -1 with errno. */
static int
open_socket(
    const struct listeners *all, const struct sockaddr *a, socklen_t len)
{
	int fd, saved;

	fd =
	    socket(a->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (start_listening(all, fd, a, len) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static const char *
tcp_mend(int error)
{
	switch (error) {
	case EADDRINUSE:
		return "; another tined or another server listens there: "
		       "stop it, or choose another port with --listen";
	case EACCES:
		return "; a port below 1024 needs root, or "
		       "CAP_NET_BIND_SERVICE";
	default:
		return "";
	}
}

/* "localhost" may resolve to an IPv6 address on a machine without IPv6. */
static bool
family_is_missing(int error)
{
	return error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
}

/* A hosts file may list an address twice. */
static bool
is_repeated(const struct addrinfo *first, const struct addrinfo *a)
{
	for (; first != a; first = first->ai_next)
		if (first->ai_addrlen == a->ai_addrlen &&
		    memcmp(first->ai_addr, a->ai_addr, a->ai_addrlen) == 0)
			return true;
	return false;
}

static int
open_each(struct listeners *all, const char *address, struct addrinfo *found,
    const char *host, struct buffer *why)
{
	size_t before = all->count;

	for (struct addrinfo *a = found; a != NULL; a = a->ai_next) {
		bool last = a->ai_next == NULL && all->count == before;
		int fd;

		if (is_repeated(found, a))
			continue;
		fd = open_socket(all, a->ai_addr, a->ai_addrlen);
		if (fd == -1 && family_is_missing(errno) && !last)
			continue;
		if (fd == -1) {
			buffer_printf(why, "cannot listen on %s: %s%s", address,
			    strerror(errno), tcp_mend(errno));
			return -1;
		}
		add(all, fd, url_of(fd, host), NULL);
	}
	return 0;
}

/* Returns the addresses of a host, or NULL with an error message in *why. */
static struct addrinfo *
listener_look_up(
    const char *address, const struct listen_address *parts, struct buffer *why)
{
	const struct addrinfo hints = {
	    .ai_family = AF_UNSPEC,
	    .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	};
	const char *host = *parts->host != '\0' ? parts->host : NULL;
	struct addrinfo *found = NULL;
	int error = getaddrinfo(host, parts->port, &hints, &found);

	if (error == 0)
		return found;
	buffer_printf(
	    why, "cannot listen on %s: %s", address, gai_strerror(error));
	return NULL;
}

static int
open_tcp(struct listeners *all, const char *address,
    const struct listen_address *parts, struct buffer *why)
{
	struct addrinfo *found = listener_look_up(address, parts, why);
	int result;

	if (found == NULL)
		return -1;
	result = open_each(all, address, found, parts->host, why);
	freeaddrinfo(found);
	return result;
}

static int
check_tcp(
    const char *address, const struct listen_address *parts, struct buffer *why)
{
	struct addrinfo *found = listener_look_up(address, parts, why);

	if (found == NULL)
		return -1;
	freeaddrinfo(found);
	return 0;
}

static void
remember_path(struct listener *l)
{
	struct stat st;

	if (l->path == NULL || stat(l->path, &st) == -1)
		return;
	l->device = st.st_dev;
	l->inode = st.st_ino;
}

/* Checks that another server has not replaced the path. */
static bool
is_still_ours(const struct listener *l)
{
	struct stat st;

	return l->path != NULL && !l->borrowed && stat(l->path, &st) == 0 &&
	    st.st_dev == l->device && st.st_ino == l->inode;
}

static int
open_unix(struct listeners *all, const char *address, const char *path,
    struct buffer *why)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd;

	strlcpy(a.sun_path, path, sizeof(a.sun_path));
	socket_path_remove_stale(&a);
	fd = open_socket(all, (struct sockaddr *)&a, sizeof(a));
	if (fd == -1) {
		socket_path_explain(why, path, errno);
		return -1;
	}
	add(all, fd, memory_copy_string(address), realpath(path, NULL));
	remember_path(&all->at[all->count - 1]);
	return 0;
}

static int
listener_parse(
    const char *address, struct listen_address *parts, struct buffer *why)
{
	const char *mistake = listen_address_parse(address, parts);

	if (mistake == NULL)
		return 0;
	buffer_printf(why, "cannot listen on %s: %s", address, mistake);
	return -1;
}

int
listener_open(struct listeners *all, const char *address, struct buffer *why)
{
	struct listen_address parts;

	if (listener_parse(address, &parts, why) == -1)
		return -1;
	return parts.path != NULL ? open_unix(all, address, parts.path, why)
				  : open_tcp(all, address, &parts, why);
}

int
listener_check(const char *address, struct buffer *why)
{
	struct listen_address parts;

	if (listener_parse(address, &parts, why) == -1)
		return -1;
	return parts.path != NULL ? socket_path_check(parts.path, why)
				  : check_tcp(address, &parts, why);
}

static char *
name_of_passed(int fd)
{
	struct sockaddr_storage a = {0};
	socklen_t len = sizeof(a);
	char host[NI_MAXHOST];

	if (getsockname(fd, (struct sockaddr *)&a, &len) == -1 ||
	    a.ss_family == AF_UNIX ||
	    getnameinfo((struct sockaddr *)&a, len, host, sizeof(host), NULL, 0,
		NI_NUMERICHOST) != 0)
		return memory_printf("unix: (descriptor %d)", fd);
	return url_of(fd, host);
}

void
listener_inherit(struct listeners *all, const struct listener *from)
{
	struct listener *l;

	fcntl(from->fd, F_SETFD, FD_CLOEXEC);
	set_options(all, from->fd);
	add(all, from->fd, memory_copy_string(from->url),
	    from->path != NULL ? memory_copy_string(from->path) : NULL);
	l = &all->at[all->count - 1];
	l->device = from->device;
	l->inode = from->inode;
	l->passed = from->passed;
	l->borrowed = true;
}

int
listener_adopt(struct listeners *all, struct buffer *why)
{
	int count = passed_sockets_take(why);

	for (int i = 0; i < count; i++) {
		int fd = PASSED_SOCKETS_FIRST + i;

		set_options(all, fd);
		add(all, fd, name_of_passed(fd), NULL);
		all->at[all->count - 1].passed = true;
	}
	return count;
}

/*
 * Binds the socket to an interface that does not exist.  The kernel then does
 * not find it for a SYN, and refuses the client.  Handshakes in progress
 * continue, as their later packets do not look for the listening socket.  This
 * needs no capability, as a filter that drops packets would.
 */
static int
stop_greeting_tcp(int fd)
{
	int nowhere = INT_MAX;

	return setsockopt(
	    fd, SOL_SOCKET, SO_BINDTOIFINDEX, &nowhere, sizeof(nowhere));
}

static bool
stop_greeting(const struct listener *l)
{
	bool stopped = l->path != NULL || stop_greeting_tcp(l->fd) == 0;

	if (!stopped)
		log_warning("%s: the kernel cannot refuse new clients during "
			    "the stop: %s; some clients may be reset",
		    l->url, strerror(errno));
	if (is_still_ours(l) && unlink(l->path) == -1)
		log_warning(
		    "cannot remove the socket %s: %s; remove it by hand",
		    l->path, strerror(errno));
	return stopped;
}

bool
listener_stop_greeting(struct listeners *all)
{
	bool stopped = true;

	for (size_t i = 0; i < all->count; i++)
		if (!all->at[i].passed && !all->at[i].borrowed)
			stopped &= stop_greeting(&all->at[i]);
	return stopped;
}

bool
listener_has_waiting(const struct listeners *all)
{
	for (size_t i = 0; i < all->count; i++) {
		struct pollfd p = {.fd = all->at[i].fd, .events = POLLIN};

		if (!all->at[i].passed && !all->at[i].borrowed &&
		    poll(&p, 1, 0) > 0)
			return true;
	}
	return false;
}

bool
listener_is_greeting(const struct listeners *all)
{
	for (size_t i = 0; i < all->count; i++)
		if (!all->at[i].passed && !all->at[i].borrowed &&
		    backlog_is_greeting(all->at[i].fd))
			return true;
	return false;
}

static void
set_borrowed(struct listeners *all, bool borrowed)
{
	for (size_t i = 0; i < all->count; i++)
		all->at[i].borrowed = borrowed;
}

void
listener_keep_all(struct listeners *all)
{
	set_borrowed(all, false);
}

void
listener_leave_all(struct listeners *all)
{
	set_borrowed(all, true);
	listener_close_all(all);
}

void
listener_close_all(struct listeners *all)
{
	for (size_t i = 0; i < all->count; i++) {
		if (is_still_ours(&all->at[i]))
			unlink(all->at[i].path);
		close(all->at[i].fd);
		free(all->at[i].url);
		free(all->at[i].path);
	}
	free(all->at);
	*all = (struct listeners){0};
}
