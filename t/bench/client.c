/*
 * The client of the measurements: it keeps a number of connections busy with
 * batches of one request or more, and counts what comes back.
 *
 * usage: client PORT REQUEST CONNECTIONS DEPTH keep|close SECONDS
 *
 * REQUEST is the text of one request; DEPTH of them are written at once, and
 * the next batch leaves when all are answered. With close, each batch has a
 * connection of its own. When SECONDS have passed no batch is begun, and what
 * is under way is waited for, so that each request the server worked on is
 * counted. Prints one line of name=value pairs; times are in microseconds,
 * from the write of a batch (with close: from the connect) to its last byte.
 */

#include <sys/epoll.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 4096
#define HEAD_MAX 4096
#define PATIENCE 15	/* seconds a server may stay silent */
#define SLOWEST 2000000 /* microseconds told apart */

struct conn {
	int fd;
	int due;     /* responses that are to come */
	size_t body; /* bytes of this one to come */
	size_t headlen;
	char head[HEAD_MAX + 1];
	int64_t began;
};

static struct {
	uint64_t requests, bytes, failed, reopened, batches;
	uint32_t took[SLOWEST + 1]; /* batches by duration */
	int64_t slowest;
} seen;

static struct sockaddr_in server;
static char *batch;
static size_t batchlen;
static int depth, keep, epfd, open_conns;
static int64_t until;

static int64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void
conn_send(struct conn *c)
{
	if (keep)
		c->began = now();
	c->due = depth;
	if (send(c->fd, batch, batchlen, MSG_NOSIGNAL) != (ssize_t)batchlen)
		err(1, "send");
}

static void
conn_open(struct conn *c)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
	const int on = 1;

	c->began = now();
	c->headlen = c->body = 0;
	if ((c->fd = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ==
		-1 ||
	    connect(c->fd, (struct sockaddr *)&server, sizeof(server)) == -1 ||
	    epoll_ctl(epfd, EPOLL_CTL_ADD, c->fd, &ev) == -1)
		err(1, "connect");
	open_conns++;
	conn_send(c);
}

static void
conn_close(struct conn *c)
{
	close(c->fd);
	c->fd = -1;
	open_conns--;
}

static void
batch_done(struct conn *c)
{
	const int64_t end = now(), took = end - c->began;

	seen.batches++;
	seen.took[took < SLOWEST ? took : SLOWEST]++;
	if (took > seen.slowest)
		seen.slowest = took;
	if (!keep || end >= until)
		conn_close(c);
	if (end >= until)
		return;
	if (keep)
		conn_send(c);
	else
		conn_open(c);
}

static void
head_read(struct conn *c)
{
	const char *field;

	c->head[c->headlen] = '\0';
	if (strncmp(c->head, "HTTP/1.1 200 ", 13) != 0) {
		if (seen.failed++ == 0)
			warnx("first failure: %.*s",
			    (int)strcspn(c->head, "\r\n"), c->head);
	}
	if ((field = strcasestr(c->head, "\ncontent-length:")) == NULL)
		errx(1, "a response without Content-Length");
	c->body = strtoul(field + 16, NULL, 10);
	c->headlen = 0;
}

/* Takes bytes of a head to its end, and says how many it took. */
static size_t
head_take(struct conn *c, const char *bytes, size_t len)
{
	const size_t from = c->headlen;
	size_t room = HEAD_MAX - from, back = from < 3 ? from : 3;
	const char *end;

	if (len > room)
		len = room;
	memcpy(c->head + from, bytes, len);
	c->headlen += len;
	end = memmem(c->head + from - back, len + back, "\r\n\r\n", 4);
	if (end == NULL) {
		if (c->headlen == HEAD_MAX)
			errx(1, "a head of over %d bytes", HEAD_MAX);
		return len;
	}
	c->headlen = (size_t)(end + 4 - c->head);
	len = c->headlen - from;
	head_read(c);
	return len;
}

static void
conn_take(struct conn *c, const char *bytes, size_t len)
{
	size_t n;

	seen.bytes += len;
	while (len > 0) {
		if (c->due == 0)
			errx(1, "bytes that belong to no request");
		if (c->body > 0) {
			n = len < c->body ? len : c->body;
			c->body -= n;
		} else
			n = head_take(c, bytes, len);
		bytes += n;
		len -= n;
		if (c->body > 0 || c->headlen > 0)
			continue;
		seen.requests++;
		if (--c->due == 0 && len == 0) {
			batch_done(c);
			return;
		}
	}
}

static void
conn_ready(struct conn *c)
{
	static char in[262144];
	const ssize_t n = recv(c->fd, in, sizeof(in), MSG_DONTWAIT);

	if (n > 0) {
		conn_take(c, in, (size_t)n);
		return;
	}
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	/* The server has closed it; what it still owed will not come. */
	seen.reopened++;
	conn_close(c);
	if (now() < until)
		conn_open(c);
}

static uint64_t
percentile(int percent)
{
	uint64_t left = (seen.batches * (uint64_t)percent + 99) / 100, i;

	for (i = 0; i < SLOWEST && seen.took[i] < left; i++)
		left -= seen.took[i];
	return i;
}

static void
run(struct conn *conns, int count)
{
	struct epoll_event ready[64];
	int i, n;

	for (i = 0; i < count; i++)
		conn_open(&conns[i]);
	while (open_conns > 0) {
		n = epoll_wait(epfd, ready, 64, PATIENCE * 1000);
		if (n == 0)
			errx(1, "the server is silent for %d s", PATIENCE);
		for (i = 0; i < n; i++)
			conn_ready(ready[i].data.ptr);
	}
}

static void
batch_init(const char *request)
{
	const size_t len = strlen(request);
	int i;

	batchlen = len * (size_t)depth;
	if ((batch = malloc(batchlen + 1)) == NULL)
		err(1, "malloc");
	for (i = 0; i < depth; i++)
		memcpy(batch + (size_t)i * len, request, len);
}

int
main(int argc, char **argv)
{
	static struct conn conns[CONNECTIONS_MAX];
	int64_t start;
	int count;

	if (argc != 7)
		errx(64,
		    "usage: client PORT REQUEST CONNECTIONS DEPTH "
		    "keep|close SECONDS");
	server.sin_family = AF_INET;
	server.sin_port = htons((in_port_t)atoi(argv[1]));
	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	count = atoi(argv[3]);
	depth = atoi(argv[4]);
	keep = strcmp(argv[5], "keep") == 0;
	if (count < 1 || count > CONNECTIONS_MAX || depth < 1)
		errx(64, "CONNECTIONS or DEPTH out of range");
	batch_init(argv[2]);
	if ((epfd = epoll_create1(0)) == -1)
		err(1, "epoll_create1");
	start = now();
	until = start + (int64_t)(atof(argv[6]) * 1e6);
	run(conns, count);
	printf("requests=%llu bytes=%llu seconds=%.6f p50=%llu p99=%llu "
	       "max=%lld failed=%llu reopened=%llu\n",
	    (unsigned long long)seen.requests, (unsigned long long)seen.bytes,
	    (double)(now() - start) / 1e6, (unsigned long long)percentile(50),
	    (unsigned long long)percentile(99), (long long)seen.slowest,
	    (unsigned long long)seen.failed, (unsigned long long)seen.reopened);
	return 0;
}
