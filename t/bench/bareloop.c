/*
 * The bare loop: forked processes that accept, receive and send, and do
 * nothing else. It is the limit of the blocking one-connection-a-process
 * model on a machine, and so the measure for servers of that model.
 *
 * usage: bareloop PORT PROCESSES BODY REQUEST keep|close [BEHIND]
 *
 * Every REQUEST bytes received are taken for one request; each is answered
 * with the same prebuilt response, whose body has BODY bytes. Requests that
 * arrive together are answered by one send.
 *
 * With BEHIND, the port of another server, each process has a connection to it,
 * and passes requests and responses on, one by one.
 */

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH 16	    /* responses sent at once, at most */
#define BATCH_MAX (1 << 20) /* and their bytes together */

struct reply {
	char *bytes; /* the response, copies times */
	size_t len;  /* of one copy */
	size_t copies, space;
	size_t request; /* bytes that make a request */
	size_t body;
	int keep;   /* the connection outlives a response */
	int behind; /* the socket of the server behind this one, or -1 */
};

static void
reply_init(struct reply *r, size_t body)
{
	char head[256];
	size_t i, headlen;

	headlen = (size_t)snprintf(head, sizeof(head),
	    "HTTP/1.1 200 OK\r\n"
	    "Date: Mon, 23 Nov 2026 18:41:22 GMT\r\n"
	    "Server: bareloop\r\n"
	    "Content-Type: text/plain\r\n"
	    "Content-Length: %zu\r\n"
	    "Last-Modified: Mon, 23 Nov 2026 18:41:22 GMT\r\n"
	    "%s\r\n",
	    body, r->keep ? "" : "Connection: close\r\n");
	r->len = headlen + body;
	r->body = body;
	r->copies = r->len * BATCH > BATCH_MAX ? 1 : BATCH;
	r->space = r->len * r->copies;
	if ((r->bytes = malloc(r->space)) == NULL)
		err(1, "malloc");
	for (i = 0; i < r->copies; i++) {
		memcpy(r->bytes + i * r->len, head, headlen);
		memset(r->bytes + i * r->len + headlen, '*', body);
	}
}

static int
send_all(int fd, const char *bytes, size_t len)
{
	ssize_t n;

	for (; len > 0; bytes += n, len -= (size_t)n)
		if ((n = send(fd, bytes, len, MSG_NOSIGNAL)) == -1)
			return -1;
	return 0;
}

/* Passes a request on, and its response back. */
static int
pass(int fd, const struct reply *r, const char *request)
{
	const char *end = NULL;
	size_t have = 0;
	ssize_t n;

	if (send_all(r->behind, request, r->request) == -1)
		return -1;
	do {
		n = recv(r->behind, r->bytes + have, r->space - have, 0);
		if (n <= 0)
			errx(1, "the server behind has closed its connection");
		have += (size_t)n;
		if (end == NULL)
			end = memmem(r->bytes, have, "\r\n\r\n", 4);
	} while (end == NULL || r->bytes + have < end + 4 + r->body);
	return send_all(fd, r->bytes, have);
}

static void
serve(int fd, const struct reply *r)
{
	char in[8192];
	size_t have = 0, due, now;
	ssize_t n;

	while ((n = recv(fd, in, sizeof(in), 0)) > 0) {
		have += (size_t)n;
		due = have / r->request;
		have %= r->request;
		if (r->behind != -1) {
			if (due != 1 || have != 0 || pass(fd, r, in) == -1)
				return;
			continue;
		}
		for (; due > 0; due -= now) {
			now = due < r->copies ? due : r->copies;
			if (send_all(fd, r->bytes, now * r->len) == -1)
				return;
			if (!r->keep)
				return;
		}
	}
}

static int
connect_to(int port)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET,
	    .sin_port = htons((in_port_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const int on = 1;
	int fd;

	if ((fd = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1 ||
	    connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		err(1, "port %d", port);
	return fd;
}

static void
work(int listener, struct reply *r, int behind)
{
	int fd;

	r->behind = behind != 0 ? connect_to(behind) : -1;
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) == -1)
		err(1, "prctl");
	for (;;) {
		if ((fd = accept(listener, NULL, NULL)) == -1)
			err(1, "accept");
		serve(fd, r);
		close(fd);
	}
}

/* TCP_DEFER_ACCEPT, since a server of this model would be foolish without. */
static int
listen_on(int port)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET,
	    .sin_port = htons((in_port_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const int on = 1;
	int fd;

	if ((fd = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof(on)) ==
		-1 ||
	    bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    listen(fd, SOMAXCONN) == -1)
		err(1, "port %d", port);
	return fd;
}

/* Ends and reaps the children when it is told to end itself. */
static void
wait_for_end(const sigset_t *end, const pid_t *pids, int count)
{
	int i, sig;

	sigwait(end, &sig);
	for (i = 0; i < count; i++)
		kill(pids[i], SIGTERM);
	while (wait(NULL) > 0)
		continue;
}

int
main(int argc, char **argv)
{
	struct reply r;
	sigset_t end;
	pid_t *pids;
	int count, i, listener;

	if (argc != 6 && argc != 7)
		errx(64,
		    "usage: bareloop PORT PROCESSES BODY REQUEST "
		    "keep|close [BEHIND]");
	count = atoi(argv[2]);
	r.request = strtoul(argv[4], NULL, 10);
	r.keep = strcmp(argv[5], "keep") == 0;
	if (count < 1 || r.request == 0)
		errx(64, "PROCESSES and REQUEST must be over 0");
	if ((pids = calloc((size_t)count, sizeof(*pids))) == NULL)
		err(1, "calloc");
	reply_init(&r, strtoul(argv[3], NULL, 10));
	listener = listen_on(atoi(argv[1]));
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigaddset(&end, SIGINT);
	sigprocmask(SIG_BLOCK, &end, NULL);
	for (i = 0; i < count; i++) {
		if ((pids[i] = fork()) == -1)
			err(1, "fork");
		if (pids[i] == 0) {
			sigprocmask(SIG_UNBLOCK, &end, NULL);
			work(listener, &r, argc > 6 ? atoi(argv[6]) : 0);
		}
	}
	wait_for_end(&end, pids, count);
	return 0;
}
