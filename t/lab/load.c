/*
 * The load of the laboratory: connections that ask for one file again and again,
 * and tell which responses were slow to arrive.
 *
 * usage: load [-n] [-c CONNECTIONS] [-d DEPTH] [-p MS] [-s MICROSECONDS]
 *            ADDRESS PORT PATH REQUESTS
 *
 *   -c  how many connections there are (1)
 *   -d  how many requests are sent in one batch (1)
 *   -n  each batch has a connection of its own
 *   -p  how long a connection pauses after a batch was answered, or, with -n,
 *       before it is closed (0)
 *   -s  what is slow: a batch whose last byte arrives so long after it was sent
 *
 * Ends when so many requests are answered, as whole batches.  Prints a line for
 * each slow batch,
 *
 *   slow PORT RESPONSES MICROSECONDS
 *
 * with the port of its connection, how many responses that connection has had,
 * and the time; then "requests=N seconds=S".  The time is from before the send to
 * the arrival of the last byte as the kernel tells it (SO_TIMESTAMPNS), however
 * late this program comes to read; only if segments came out of order, which the
 * kernel holds with the times of their own, it is when the last byte was read.  All
 * responses have to be as long as the first one.
 */
#include <linux/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define DEPTH_MAX 64
#define REQUEST_MAX 512
#define READY_MAX 64
#define PIECE 262144
#define PATIENCE 60000 /* milliseconds in which something has to arrive */
#define MS INT64_C(1000000)
#define SECOND INT64_C(1000000000)
#define SOURCES 250 /* of loopback: one address has too few ports for -n */
#define SOURCE 0x7f000002

struct conn {
	int fd; /* -1: none */
	bool connecting;
	size_t left;	   /* bytes of the batch that are to come */
	uint64_t had;	   /* responses */
	int64_t sent;	   /* when, CLOCK_REALTIME */
	int64_t arrived;   /* the last byte */
	uint32_t disorder; /* segments out of order until now */
	int64_t due;	   /* the end of its pause */
};

static struct {
	int connections, depth;
	bool renews;
	int64_t pause, slow;
	uint64_t requests;
} option = {.connections = 1, .depth = 1, .slow = INT64_MAX};

static struct sockaddr_in server;
static char batch[DEPTH_MAX * REQUEST_MAX];
static size_t batch_length, request_length;
static size_t response_length;
static struct conn conns[CONNECTIONS_MAX];
/* Those that pause, in the order in which their pauses end: all are as long. */
static struct conn *pausing[CONNECTIONS_MAX];
static size_t pausing_first, pausing_count;
static uint64_t asked, answered;
static int epoll_fd;

static int64_t
now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

/* --- connections --- */

static void
bind_source(int fd)
{
	static unsigned turn;
	const int on = 1;
	struct sockaddr_in from = {
	    .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(SOURCE + turn++ % SOURCES),
	};

	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
		sizeof(on)) == -1 ||
	    bind(fd, (struct sockaddr *)&from, sizeof(from)) == -1)
		err(EXIT_FAILURE, "bind");
}

static int
open_socket(int flags)
{
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | flags, 0);

	if (fd == -1 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) == -1)
		err(EXIT_FAILURE, "socket");
	if (ntohl(server.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET)
		bind_source(fd);
	if (connect(fd, (struct sockaddr *)&server, sizeof(server)) == -1 &&
	    errno != EINPROGRESS)
		err(EXIT_FAILURE, "connect");
	return fd;
}

static void
conn_watch(struct conn *c, int action, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = c};

	if (epoll_ctl(epoll_fd, action, c->fd, &event) == -1)
		err(EXIT_FAILURE, "epoll_ctl");
}

static void
conn_open(struct conn *c)
{
	*c = (struct conn){.fd = open_socket(SOCK_NONBLOCK)};
	c->connecting = true;
	conn_watch(c, EPOLL_CTL_ADD, EPOLLOUT);
}

static void
conn_send(struct conn *c)
{
	c->left = response_length * (size_t)option.depth;
	c->sent = now(CLOCK_REALTIME);
	if (send(c->fd, batch, batch_length, MSG_NOSIGNAL) !=
	    (ssize_t)batch_length)
		err(EXIT_FAILURE, "send");
}

/* Begins the next batch, if there is to be one. */
static void
conn_ask(struct conn *c)
{
	if (option.renews && c->fd != -1) {
		close(c->fd);
		c->fd = -1;
	}
	if (asked >= option.requests)
		return;
	asked += (uint64_t)option.depth;
	if (c->fd == -1)
		conn_open(c);
	else
		conn_send(c);
}

static void
conn_connected(struct conn *c)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length) == -1 ||
	    error != 0)
		errx(EXIT_FAILURE, "connect: %s", strerror(error));
	c->connecting = false;
	conn_watch(c, EPOLL_CTL_MOD, EPOLLIN);
	conn_send(c);
}

/* --- responses --- */

static void
print_slow(const struct conn *c, int64_t took)
{
	struct sockaddr_in own;
	socklen_t length = sizeof(own);

	if (getsockname(c->fd, (struct sockaddr *)&own, &length) == -1)
		err(EXIT_FAILURE, "getsockname");
	printf("slow %u %llu %lld\n", ntohs(own.sin_port),
	    (unsigned long long)c->had, (long long)(took / 1000));
}

/* Sets the time of arrival to now if segments came out of order. */
static void
conn_correct(struct conn *c, int64_t at)
{
	struct tcp_info info = {0};
	socklen_t length = sizeof(info);

	if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &length) == -1)
		err(EXIT_FAILURE, "getsockopt");
	if (info.tcpi_rcv_ooopack != c->disorder)
		c->arrived = at;
	c->disorder = info.tcpi_rcv_ooopack;
}

static void
conn_answered(struct conn *c)
{
	int64_t at = now(CLOCK_REALTIME), took;

	if (at - c->sent >= option.slow)
		conn_correct(c, at);
	took = c->arrived - c->sent;
	answered += (uint64_t)option.depth;
	c->had += (uint64_t)option.depth;
	if (took >= option.slow)
		print_slow(c, took);
	if (option.pause == 0) {
		conn_ask(c);
		return;
	}
	c->due = now(CLOCK_MONOTONIC) + option.pause;
	pausing[(pausing_first + pausing_count++) % CONNECTIONS_MAX] = c;
}

/* What is there, and when it arrived. */
static ssize_t
receive(int fd, char *bytes, size_t size, int64_t *arrived)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(struct timespec))];
	} control;
	struct iovec io = {bytes, size};
	struct msghdr m = {
	    .msg_iov = &io,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &m, 0);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	struct timespec t;

	*arrived = now(CLOCK_REALTIME);
	if (c != NULL && c->cmsg_level == SOL_SOCKET &&
	    c->cmsg_type == SCM_TIMESTAMPNS) {
		memcpy(&t, CMSG_DATA(c), sizeof(t));
		*arrived = t.tv_sec * SECOND + t.tv_nsec;
	}
	return n;
}

/* That each response in these bytes of a batch begins as it has to. */
static void
check(const char *bytes, size_t length, size_t at)
{
	static const char ok[] = "HTTP/1.1 200 ";
	size_t in = at % response_length;
	size_t next = in == 0 ? 0 : response_length - in;

	for (; next + sizeof(ok) <= length; next += response_length)
		if (memcmp(bytes + next, ok, sizeof(ok) - 1) != 0)
			errx(EXIT_FAILURE, "another response: %.60s",
			    bytes + next);
}

static void
conn_read(struct conn *c)
{
	static char bytes[PIECE];
	ssize_t n = receive(c->fd, bytes, sizeof(bytes), &c->arrived);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || (size_t)n > c->left)
		errx(EXIT_FAILURE, "%s",
		    n == -1	 ? strerror(errno)
			: n == 0 ? "the server has closed"
				 : "more than was asked for");
	check(
	    bytes, (size_t)n, response_length * (size_t)option.depth - c->left);
	c->left -= (size_t)n;
	if (c->left == 0)
		conn_answered(c);
}

/* Asks once, and sets the length that a response has. */
static void
learn(void)
{
	static char bytes[PIECE];
	size_t length = 0, head, content;
	int fd = open_socket(0);
	const char *end = NULL, *field;
	ssize_t n;

	if (send(fd, batch, request_length, MSG_NOSIGNAL) == -1)
		err(EXIT_FAILURE, "send");
	while (end == NULL && length < sizeof(bytes) - 1 &&
	    (n = recv(fd, bytes + length, sizeof(bytes) - 1 - length, 0)) > 0) {
		length += (size_t)n;
		bytes[length] = '\0';
		end = strstr(bytes, "\r\n\r\n");
	}
	field = end != NULL ? strcasestr(bytes, "\r\nContent-Length:") : NULL;
	if (field == NULL || field > end)
		errx(EXIT_FAILURE, "no response with a length");
	head = (size_t)(end - bytes) + 4;
	content = strtoul(strchr(field, ':') + 1, NULL, 10);
	response_length = head + content;
	close(fd);
}

/* --- the loop --- */

/* Goes on where a pause is over.  Returns milliseconds until the next end. */
static int
end_pauses(void)
{
	while (pausing_count > 0) {
		struct conn *c = pausing[pausing_first];
		int64_t left = c->due - now(CLOCK_MONOTONIC);

		if (left > 0)
			return (int)((left + MS - 1) / MS);
		pausing_first = (pausing_first + 1) % CONNECTIONS_MAX;
		pausing_count--;
		conn_ask(c);
	}
	return PATIENCE;
}

static void
run(void)
{
	struct epoll_event ready[READY_MAX];

	for (;;) {
		int wait = end_pauses(), n;

		if (answered == asked && pausing_count == 0)
			return;
		n = epoll_wait(epoll_fd, ready, READY_MAX, wait);
		if (n == 0 && wait == PATIENCE)
			errx(EXIT_FAILURE, "the server is silent");
		for (int i = 0; i < n; i++) {
			struct conn *c = ready[i].data.ptr;

			if (c->connecting)
				conn_connected(c);
			else
				conn_read(c);
		}
	}
}

static void
make_batch(const char *address, const char *path)
{
	char request[REQUEST_MAX];
	int n = snprintf(request, sizeof(request),
	    "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, address);

	if (n < 0 || (size_t)n >= sizeof(request))
		errx(64, "PATH is too long");
	request_length = (size_t)n;
	for (int i = 0; i < option.depth; i++)
		memcpy(batch + (size_t)i * request_length, request,
		    request_length);
	batch_length = request_length * (size_t)option.depth;
}

static void
usage(void)
{
	errx(64,
	    "usage: load [-n] [-c CONNECTIONS] [-d DEPTH] [-p MS] "
	    "[-s MICROSECONDS] ADDRESS PORT PATH REQUESTS");
}

static void
read_options(int argc, char **argv)
{
	int o;

	while ((o = getopt(argc, argv, "c:d:np:s:")) != -1) {
		if (o == 'c')
			option.connections = atoi(optarg);
		else if (o == 'd')
			option.depth = atoi(optarg);
		else if (o == 'n')
			option.renews = true;
		else if (o == 'p')
			option.pause = atoi(optarg) * MS;
		else if (o == 's')
			option.slow = atoll(optarg) * 1000;
		else
			usage();
	}
	if (argc - optind != 4)
		usage();
	if (option.connections < 1 || option.connections > CONNECTIONS_MAX ||
	    option.depth < 1 || option.depth > DEPTH_MAX)
		errx(64, "CONNECTIONS or DEPTH is out of range");
}

int
main(int argc, char **argv)
{
	int64_t began;

	read_options(argc, argv);
	argv += optind;
	server.sin_family = AF_INET;
	server.sin_port = htons((in_port_t)atoi(argv[1]));
	if (inet_pton(AF_INET, argv[0], &server.sin_addr) != 1)
		usage();
	option.requests = strtoull(argv[3], NULL, 10);
	make_batch(argv[0], argv[2]);
	learn();
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	began = now(CLOCK_MONOTONIC);
	for (int i = 0; i < option.connections; i++) {
		conns[i].fd = -1;
		conn_ask(&conns[i]);
	}
	run();
	printf("requests=%llu seconds=%.3f\n", (unsigned long long)answered,
	    (double)(now(CLOCK_MONOTONIC) - began) / (double)SECOND);
	return EXIT_SUCCESS;
}
