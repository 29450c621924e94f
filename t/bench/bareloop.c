/*
 * The bare loop: forked processes that accept, receive and send, and do
 * nothing else. It is the limit of the blocking one-connection-a-process
 * model on a machine, and so the measure for servers of that model.
 *
 * usage: bareloop PORT PROCESSES BODY REQUEST keep|close
 *
 * Every REQUEST bytes received are taken for one request; each is answered
 * with the same prebuilt response, whose body has BODY bytes. Requests that
 * arrive together are answered by one send.
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
	size_t copies;
	size_t request; /* bytes that make a request */
	int keep;	/* the connection outlives a response */
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
	r->copies = r->len * BATCH > BATCH_MAX ? 1 : BATCH;
	if ((r->bytes = malloc(r->len * r->copies)) == NULL)
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
		for (; due > 0; due -= now) {
			now = due < r->copies ? due : r->copies;
			if (send_all(fd, r->bytes, now * r->len) == -1)
				return;
			if (!r->keep)
				return;
		}
	}
}

static void
work(int listener, const struct reply *r)
{
	int fd;

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

	if (argc != 6)
		errx(64,
		    "usage: bareloop PORT PROCESSES BODY REQUEST "
		    "keep|close");
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
			work(listener, &r);
		}
	}
	wait_for_end(&end, pids, count);
	return 0;
}
