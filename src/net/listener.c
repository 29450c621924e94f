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
#include "net/listener.h"

#define UNIX_PREFIX "unix:"
#define SOMAXCONN_FILE "/proc/sys/net/core/somaxconn"
/* Any user who can reach its directory can connect. */
#define LISTENER_UNIX_MODE 0666
#define FIRST_PASSED_FD 3
#define MAX_PASSED_FDS 64

struct host_port {
	char host[256]; /* "": all addresses */
	char port[6];
};

static bool
is_unix(const char *address)
{
	return strncmp(address, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0;
}

static bool
split_host_port(const char *address, struct host_port *out)
{
	const char *colon = strrchr(address, ':');
	struct text host;
	uint64_t port;

	if (colon == NULL || !text_to_number(text_of(colon + 1), 65535, &port))
		return false;
	host = (struct text){address, (size_t)(colon - address)};
	if (host.len >= 2 && host.at[0] == '[' && host.at[host.len - 1] == ']')
		host = (struct text){host.at + 1, host.len - 2};
	else if (memchr(host.at, ':', host.len) != NULL)
		return false;
	if (host.len >= sizeof(out->host))
		return false;
	memcpy(out->host, host.at, host.len);
	out->host[host.len] = '\0';
	snprintf(out->port, sizeof(out->port), "%u", (unsigned)port);
	return true;
}

bool
listener_address_is_valid(const char *address)
{
	struct host_port parts;
	struct sockaddr_un path;

	if (is_unix(address)) {
		size_t len = strlen(address + strlen(UNIX_PREFIX));

		return len > 0 && len < sizeof(path.sun_path);
	}
	return split_host_port(address, &parts);
}

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
	set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
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
mend_of(int error, bool local)
{
	switch (error) {
	case EADDRINUSE:
		return local
		    ? "; another tined or another server listens there: "
		      "stop it, or choose another path"
		    : "; another tined or another server listens there: "
		      "stop it, or choose another port with --listen";
	case EACCES:
		return local
		    ? "; tined may not create a socket there: choose another "
		      "directory"
		    : "; a port below 1024 needs root, or "
		      "CAP_NET_BIND_SERVICE";
	default:
		return "";
	}
}

static void
explain(struct buffer *why, const char *address)
{
	int error = errno;

	buffer_printf(why, "cannot listen on %s: %s%s", address,
	    strerror(error), mend_of(error, is_unix(address)));
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
			explain(why, address);
			return -1;
		}
		add(all, fd, url_of(fd, host), NULL);
	}
	return 0;
}

static int
open_tcp(struct listeners *all, const char *address, struct buffer *why)
{
	const struct addrinfo hints = {
	    .ai_family = AF_UNSPEC,
	    .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	};
	struct addrinfo *found;
	struct host_port parts;
	int error;

	if (!split_host_port(address, &parts)) {
		buffer_printf(
		    why, "cannot listen on %s: expected host:port", address);
		return -1;
	}
	error = getaddrinfo(*parts.host != '\0' ? parts.host : NULL, parts.port,
	    &hints, &found);
	if (error != 0) {
		buffer_printf(why, "cannot listen on %s: %s", address,
		    gai_strerror(error));
		return -1;
	}
	error = open_each(all, address, found, parts.host, why);
	freeaddrinfo(found);
	return error;
}

/* Removes the path of a dead server, which refuses connections. */
static void
remove_stale(const struct sockaddr_un *a)
{
	struct stat st;
	int fd;

	if (lstat(a->sun_path, &st) == -1 || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return;
	if (connect(fd, (const struct sockaddr *)a, sizeof(*a)) == -1 &&
	    errno == ECONNREFUSED)
		unlink(a->sun_path);
	close(fd);
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
open_unix(struct listeners *all, const char *address, struct buffer *why)
{
	const char *path = address + strlen(UNIX_PREFIX);
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd;

	if (snprintf(a.sun_path, sizeof(a.sun_path), "%s", path) >=
	    (int)sizeof(a.sun_path)) {
		buffer_printf(why,
		    "cannot listen on %s: a path of a socket has at most %zu "
		    "bytes",
		    address, sizeof(a.sun_path) - 1);
		return -1;
	}
	remove_stale(&a);
	fd = open_socket(all, (struct sockaddr *)&a, sizeof(a));
	if (fd == -1) {
		explain(why, address);
		return -1;
	}
	add(all, fd, memory_copy_string(address), realpath(path, NULL));
	remember_path(&all->at[all->count - 1]);
	return 0;
}

int
listener_open(struct listeners *all, const char *address, struct buffer *why)
{
	if (is_unix(address))
		return open_unix(all, address, why);
	return open_tcp(all, address, why);
}

static bool
has_option(int fd, int option, int wanted)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 &&
	    value == wanted;
}

static bool
is_listening_stream(int fd)
{
	return has_option(fd, SO_ACCEPTCONN, 1) &&
	    has_option(fd, SO_TYPE, SOCK_STREAM);
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

static int
adopt_one(struct listeners *all, int fd, struct buffer *why)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1 || !is_listening_stream(fd)) {
		buffer_printf(why,
		    "LISTEN_FDS: descriptor %d is not a listening stream "
		    "socket",
		    fd);
		return -1;
	}
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	set_options(all, fd);
	add(all, fd, name_of_passed(fd), NULL);
	all->at[all->count - 1].passed = true;
	return 0;
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

static bool
env_number(const char *name, uint64_t max, uint64_t *number)
{
	const char *value = getenv(name);

	return value != NULL && text_to_number(text_of(value), max, number);
}

int
listener_adopt(struct listeners *all, struct buffer *why)
{
	uint64_t pid, count;

	if (!env_number("LISTEN_PID", INT32_MAX, &pid) ||
	    (pid_t)pid != getpid() || getenv("LISTEN_FDS") == NULL)
		return 0;
	if (!env_number("LISTEN_FDS", MAX_PASSED_FDS, &count)) {
		buffer_printf(why, "LISTEN_FDS=%s: expected a number up to %d",
		    getenv("LISTEN_FDS"), MAX_PASSED_FDS);
		return -1;
	}
	for (uint64_t i = 0; i < count; i++)
		if (adopt_one(all, FIRST_PASSED_FD + (int)i, why) == -1)
			return -1;
	/* Children must not adopt these sockets again. */
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return (int)count;
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
