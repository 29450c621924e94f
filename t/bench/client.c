/*
 * The load of the measurements: a number of connections that send requests,
 * and an account of what came back.
 *
 * usage: client [-ow] [-c CONNECTIONS] [-d DEPTH] [-i MS] [-l LENGTH]
 *            PORT SECONDS REQUEST
 *
 *   -c  how many connections there are (1)
 *   -d  how many requests are sent in one batch (1)
 *   -i  milliseconds from a connection's request to its next; without it the
 *       next batch is sent when the last one is answered
 *   -l  the length that content must have
 *   -o  each batch has a connection of its own
 *   -w  opens its connections, prints "ready", and begins when it can read a
 *       line; keeps them, when all is printed, until there is no more to read
 *
 * Without -i the loop is closed: a slow server is asked less. With -i it is
 * open: connections have phases of their own, chosen at random, a request that
 * falls due while another is under way is sent after it, and its time is
 * counted from when it was due. All that fall due are sent, however late.
 *
 * Connections that stay have one exchange each before the clock starts, which
 * is counted apart. After SECONDS no request is sent, and those under way are
 * waited for, so that each request the server worked on is counted. Prints one
 * line of name=value pairs; times are in microseconds, from the first byte of
 * a batch (with -o: from the connect) to the last one of its answers.
 */

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 4096
#define HEAD_MAX 4096
#define READY_MAX 64
#define PATIENCE 15	/* seconds a server may stay silent */
#define FAILED_MAX 1000 /* failures after which there is no use in more */
#define SLOWEST 2000000 /* microseconds told apart */
#define MS 1000		/* microseconds of a millisecond */
#define SECOND 1000000	/* and of a second */
#define NEVER ((int64_t)PATIENCE * SECOND)
#define SOURCES 250	  /* addresses of a loopback network to come from */
#define SOURCE 0x7f000002 /* the first of them */
#define SEED 1		  /* the same phases each time */

struct conn {
	int fd;
	int due;      /* responses that are to come */
	bool parting; /* the server has said that it will close */
	size_t body;  /* bytes of this response's content to come */
	size_t headlen;
	char head[HEAD_MAX];
	int64_t began; /* the batch that is under way */
	int64_t tick;  /* when the next request is due (-i) */
	int owed;      /* requests that were due and are not sent (-i) */
};

static struct {
	uint64_t requests, bytes, batches;
	uint64_t wrong;	 /* responses other than 200 */
	uint64_t length; /* responses of another length than is right */
	uint64_t cut;	 /* connections lost while a response was due */
	uint64_t reopened, late;
	uint32_t took[SLOWEST + 1]; /* batches by duration */
	int64_t slowest;
} seen;

static struct {
	int connections, depth;
	int64_t interval;
	size_t length;
	bool checks_length, once, waits;
	double seconds;
} option = {.connections = 1, .depth = 1};

static struct sockaddr_in server;
static struct conn conns[CONNECTIONS_MAX];
static char *batch;
static size_t batchlen, requestlen;
static int epfd, busy;
static int next_due; /* the connection whose tick comes first */
static bool greeting;
static int64_t until;

static int64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * SECOND + t.tv_nsec / 1000;
}

static void
failed(uint64_t *counter, const char *what, const char *line, size_t len)
{
	if (++*counter == 1)
		warnx("%s: %.*s", what, (int)len, line);
	if (*counter >= FAILED_MAX)
		errx(1, "%s, %d times", what, FAILED_MAX);
}

static void
conn_close(struct conn *c)
{
	close(c->fd);
	c->fd = -1;
}

/* Connections that last a moment would use up one address's ports. */
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
		err(1, "bind");
}

static void
conn_open(struct conn *c)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
	const int on = 1;

	c->headlen = c->body = 0;
	c->parting = false;
	if ((c->fd = socket(AF_INET, SOCK_STREAM, 0)) == -1)
		err(1, "socket");
	if (option.once)
		bind_source(c->fd);
	if (setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ==
		-1 ||
	    connect(c->fd, (struct sockaddr *)&server, sizeof(server)) == -1 ||
	    epoll_ctl(epfd, EPOLL_CTL_ADD, c->fd, &ev) == -1)
		err(1, "connect");
}

static void
conn_lost(struct conn *c)
{
	failed(&seen.cut, "a connection was lost before its response", "", 0);
	conn_close(c);
	c->due = 0;
	busy--;
}

/* A batch, of which one is the greeting, whose time counts from then. */
static void
conn_ask(struct conn *c, int64_t began)
{
	const size_t len = greeting ? requestlen : batchlen;

	c->began = began;
	if (c->fd == -1)
		conn_open(c);
	c->due = greeting ? 1 : option.depth;
	busy++;
	if (send(c->fd, batch, len, MSG_NOSIGNAL) != (ssize_t)len)
		conn_lost(c);
}

/* In an open loop what was due meanwhile is sent now. */
static void
conn_go_on(struct conn *c, int64_t at)
{
	if (greeting)
		return;
	if (option.interval > 0 && c->owed > 0) {
		conn_ask(c, c->tick - option.interval * c->owed);
		c->owed--;
	} else if (option.interval == 0 && at < until)
		conn_ask(c, option.once ? now() : at);
}

static void
batch_done(struct conn *c)
{
	const int64_t end = now(), took = end - c->began;

	busy--;
	if (!greeting) {
		seen.batches++;
		seen.took[took < SLOWEST ? took : SLOWEST]++;
		if (took > seen.slowest)
			seen.slowest = took;
	}
	if (option.once)
		conn_close(c);
	conn_go_on(c, end);
}

/* The value of a field of a head, or NULL. */
static const char *
field_find(const char *head, size_t len, const char *name)
{
	const size_t namelen = strlen(name);
	const char *line = head, *end = head + len;

	while ((line = memchr(line, '\n', (size_t)(end - line))) != NULL) {
		line++;
		if ((size_t)(end - line) <= namelen)
			return NULL;
		if (line[namelen] == ':' &&
		    strncasecmp(line, name, namelen) == 0) {
			line += namelen + 1;
			return line + strspn(line, " \t");
		}
	}
	return NULL;
}

static void
head_read(struct conn *c, const char *head, size_t len)
{
	static const char ok[] = "HTTP/1.1 200 ";
	const char *field;

	if (len < sizeof(ok) || strncmp(head, ok, sizeof(ok) - 1) != 0)
		failed(&seen.wrong, "a response other than 200", head,
		    strcspn(head, "\r\n"));
	if ((field = field_find(head, len, "Content-Length")) == NULL)
		errx(1, "a response without Content-Length");
	c->body = strtoul(field, NULL, 10);
	if (option.checks_length && c->body != option.length)
		failed(&seen.length, "content of another length", field,
		    strcspn(field, "\r\n"));
	field = field_find(head, len, "Connection");
	c->parting = field != NULL && strncasecmp(field, "close", 5) == 0;
}

static size_t
head_end(const char *bytes, size_t len)
{
	const char *end = memmem(bytes, len, "\r\n\r\n", 4);

	return end != NULL ? (size_t)(end + 4 - bytes) : 0;
}

/* Takes bytes of a head to its end, and says how many it took. */
static size_t
head_take(struct conn *c, const char *bytes, size_t len)
{
	const size_t from = c->headlen;
	size_t end;

	/* Mostly the head is whole. */
	if (from == 0 && (end = head_end(bytes, len)) > 0) {
		head_read(c, bytes, end);
		return end;
	}
	if (len > HEAD_MAX - from)
		len = HEAD_MAX - from;
	memcpy(c->head + from, bytes, len);
	c->headlen += len;
	if ((end = head_end(c->head, c->headlen)) == 0) {
		if (c->headlen == HEAD_MAX)
			errx(1, "a head of over %d bytes", HEAD_MAX);
		return len;
	}
	head_read(c, c->head, end);
	c->headlen = 0;
	return end - from;
}

static void
conn_take(struct conn *c, const char *bytes, size_t len)
{
	size_t n;

	seen.bytes += greeting ? 0 : len;
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
		seen.requests += !greeting;
		if (--c->due == 0 && len == 0) {
			batch_done(c);
			return;
		}
	}
}

/*
 * The server has closed the connection: as it had announced, or while no
 * response was due, or else it is a failure.
 */
static void
conn_closed(struct conn *c)
{
	const bool is_between = c->headlen == 0 && c->body == 0;

	if (c->due > 0 && !(c->parting && is_between)) {
		conn_lost(c);
		return;
	}
	seen.reopened++;
	conn_close(c);
	if (c->due > 0) {
		c->due = 0;
		busy--;
		conn_go_on(c, now());
	}
}

static void
conn_ready(struct conn *c)
{
	static char in[262144];
	const ssize_t n = recv(c->fd, in, sizeof(in), MSG_DONTWAIT);

	if (n > 0)
		conn_take(c, in, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		conn_closed(c);
}

/* Sends what is due, and says when the next is: in microseconds, or never. */
static int64_t
ask_due(void)
{
	struct conn *c = &conns[next_due];
	const int64_t at = now();

	for (; c->tick <= at && c->tick < until; c = &conns[next_due]) {
		if (c->due > 0) {
			seen.late++;
			c->owed++;
		} else
			conn_ask(c, c->tick);
		c->tick += option.interval;
		next_due = (next_due + 1) % option.connections;
	}
	return c->tick < until ? c->tick - at : NEVER;
}

/*
 * In an open loop that sends more than one request a millisecond the client
 * does not sleep: its waking up is no part of what is measured.
 */
static int64_t
time_to_wait(void)
{
	const bool rests = option.interval / option.connections >= MS;
	int64_t gap;

	if (greeting || option.interval == 0)
		return NEVER;
	gap = ask_due();
	return rests || gap >= MS ? gap : 0;
}

/* Until no response is due, and nothing more is to be sent. */
static void
run(void)
{
	struct epoll_event ready[READY_MAX];
	struct timespec t;
	int64_t heard = now(), wait;
	int i, n;

	for (;;) {
		wait = time_to_wait();
		if (busy == 0 && wait == NEVER)
			return;
		t.tv_sec = wait / SECOND;
		t.tv_nsec = wait % SECOND * 1000;
		n = epoll_pwait2(epfd, ready, READY_MAX, &t, NULL);
		if (n > 0 || busy == 0)
			heard = now();
		else if (now() - heard >= NEVER)
			errx(1, "the server is silent for %d s", PATIENCE);
		for (i = 0; i < n; i++)
			conn_ready(ready[i].data.ptr);
	}
}

/* Connections that stay are opened, and known to the server. */
static void
greet(void)
{
	int i;

	greeting = true;
	for (i = 0; i < option.connections; i++)
		conns[i].fd = -1;
	for (i = 0; !option.once && i < option.connections; i++) {
		conn_ask(&conns[i], now());
		run();
	}
	greeting = false;
}

static int
by_time(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void
choose_phases(int64_t start)
{
	static int64_t phase[CONNECTIONS_MAX];
	int i;

	srandom(SEED);
	for (i = 0; i < option.connections; i++)
		phase[i] = random() % option.interval;
	qsort(phase, (size_t)option.connections, sizeof(phase[0]), by_time);
	for (i = 0; i < option.connections; i++)
		conns[i].tick = start + phase[i];
}

/* The time that so many in a thousand did not need more than. */
static uint64_t
per_mille(uint64_t n)
{
	uint64_t left = (seen.batches * n + 999) / 1000, i;

	for (i = 0; i < SLOWEST && seen.took[i] < left; i++)
		left -= seen.took[i];
	return i;
}

static int64_t
own_cpu(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * SECOND +
	    used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

#define ULL(n) ((unsigned long long)(n))

static void
print_seen(int64_t took, int64_t cpu)
{
	printf("requests=%llu bytes=%llu seconds=%.6f p50=%llu p99=%llu "
	       "p999=%llu max=%llu ",
	    ULL(seen.requests), ULL(seen.bytes), (double)took / SECOND,
	    ULL(per_mille(500)), ULL(per_mille(990)), ULL(per_mille(999)),
	    ULL(seen.slowest));
	printf("wrong=%llu length=%llu cut=%llu reopened=%llu late=%llu "
	       "greeted=%d cpu=%llu\n",
	    ULL(seen.wrong), ULL(seen.length), ULL(seen.cut),
	    ULL(seen.reopened), ULL(seen.late),
	    option.once ? 0 : option.connections, ULL(cpu));
	fflush(stdout);
}

static void
measure(void)
{
	const int64_t start = now(), cpu = own_cpu();
	int i;

	until = start + (int64_t)(option.seconds * SECOND);
	if (option.interval > 0)
		choose_phases(start);
	for (i = 0; option.interval == 0 && i < option.connections; i++)
		conn_ask(&conns[i], now());
	run();
	print_seen(now() - start, own_cpu() - cpu);
}

static void
wait_for_line(void)
{
	int c;

	printf("ready\n");
	fflush(stdout);
	while ((c = getchar()) != '\n')
		if (c == EOF)
			exit(0);
}

static void
batch_init(const char *request)
{
	int i;

	requestlen = strlen(request);
	batchlen = requestlen * (size_t)option.depth;
	if ((batch = malloc(batchlen + 1)) == NULL)
		err(1, "malloc");
	for (i = 0; i < option.depth; i++)
		memcpy(batch + (size_t)i * requestlen, request, requestlen);
}

static void
usage(void)
{
	errx(64,
	    "usage: client [-ow] [-c CONNECTIONS] [-d DEPTH] [-i MS] "
	    "[-l LENGTH] PORT SECONDS REQUEST");
}

static void
options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "c:d:i:l:ow")) != -1) {
		if (c == 'c')
			option.connections = atoi(optarg);
		else if (c == 'd')
			option.depth = atoi(optarg);
		else if (c == 'i')
			option.interval = (int64_t)(atof(optarg) * MS);
		else if (c == 'l') {
			option.length = strtoul(optarg, NULL, 10);
			option.checks_length = true;
		} else if (c == 'o')
			option.once = true;
		else if (c == 'w')
			option.waits = true;
		else
			usage();
	}
	if (argc - optind != 3)
		usage();
	if (option.connections < 1 || option.connections > CONNECTIONS_MAX ||
	    option.depth < 1 || option.interval < 0)
		errx(64, "CONNECTIONS, DEPTH or MS out of range");
}

int
main(int argc, char **argv)
{
	options(argc, argv);
	server.sin_family = AF_INET;
	server.sin_port = htons((in_port_t)atoi(argv[optind]));
	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	option.seconds = atof(argv[optind + 1]);
	batch_init(argv[optind + 2]);
	if ((epfd = epoll_create1(0)) == -1)
		err(1, "epoll_create1");
	if (prctl(PR_SET_TIMERSLACK, 1) == -1)
		err(1, "prctl");
	greet();
	if (option.waits)
		wait_for_line();
	measure();
	if (option.waits)
		while (getchar() != EOF)
			continue;
	return 0;
}
