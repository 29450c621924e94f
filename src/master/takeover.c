#include <sys/socket.h>
#include <sys/syscall.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "master/takeover.h"
#include "master/upgrade_env.h"

#define TAKEOVER_TICK (2 * CLOCK_MILLISECOND)

static const char probe[] = "GET / HTTP/1.1\r\n"
			    "Host: localhost\r\n"
			    "User-Agent: tined-upgrade\r\n"
			    "Connection: close\r\n\r\n";
static const char answer[] = "HTTP/1.1 ";

enum takeover_state {
	TAKEOVER_NONE, /* nothing was inherited, or the predecessor has ended */
	TAKEOVER_OPENING, /* no test request has been sent */
	TAKEOVER_ASKING,  /* waiting for the response */
	TAKEOVER_READY,	  /* READY has been sent to the predecessor */
};

static enum takeover_state state;
static struct upgrade_env left;
/*
 * The client's end of the connection for the test request, and the number of
 * bytes of the response that have arrived.
 */
static int client = -1;
static size_t answered;
static int64_t asked_at; /* clock_now() when it was sent; 0: not yet */
/* The pidfd_open(2) descriptor of the old master; -1 if that has ended. */
static int predecessor = -1;
/* While this descriptor is open, workers and the lot accept no client. */
static int gate_keeper = -1;

bool
takeover_init(void)
{
	const char *string = getenv(UPGRADE_ENV_VARIABLE);

	if (string == NULL)
		return false;
	if (!upgrade_env_read(&left, string))
		errx(EX_USAGE,
		    UPGRADE_ENV_VARIABLE
		    " is set by tined for its successor; unset it");
	unsetenv(UPGRADE_ENV_VARIABLE);
	fcntl(left.talk, F_SETFD, FD_CLOEXEC);
	fcntl(left.errors, F_SETFD, FD_CLOEXEC);
	if (left.predecessor != -1)
		fcntl(left.predecessor, F_SETFD, FD_CLOEXEC);
	state = TAKEOVER_OPENING;
	return true;
}

bool
takeover_is_waiting(void)
{
	return state != TAKEOVER_NONE;
}

int
takeover_errors(void)
{
	return left.errors;
}

int
takeover_pidfile(void)
{
	return left.pidfile;
}

void
takeover_take(struct inherited *h)
{
	size_t own = left.count - (size_t)left.status;
	int gate[2];

	for (size_t i = 0; i < own; i++)
		listener_inherit(&h->listeners, &left.at[i]);
	h->status.inherited = own < left.count ? &left.at[own] : NULL;
	h->predecessor.from = left.channel;
	if (left.channel != -1)
		fcntl(left.channel, F_SETFD, FD_CLOEXEC);
	if (pipe2(gate, O_CLOEXEC | O_NONBLOCK) == -1)
		err(EXIT_FAILURE, "cannot create a pipe");
	h->accept_gate = gate[0];
	gate_keeper = gate[1];
}

void
takeover_speak_up(void)
{
	dup2(left.errors, STDERR_FILENO);
}

/* Hands the connection to any free worker, as the lot does. */
static int
ask(const struct inherited *h)
{
	struct handoff message = {
	    .kind = HANDOFF_SERVE,
	    .since = clock_now(),
	    .peer = {.address.ss_family = AF_UNIX,
		.length = sizeof(sa_family_t)},
	};
	int ends[2], result;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == -1)
		return -1;
	peer_set_name(&message.peer);
	listener_set_timeouts(&h->listeners, ends[1]);
	result = channel_send(
	    &h->ready, &message, ends[1], probe, sizeof(probe) - 1, NULL);
	if (result == -1) {
		int saved = errno;

		close(ends[0]);
		close(ends[1]);
		errno = saved;
		return -1;
	}
	score_lot_handed(h->board->lot);
	close(ends[1]);
	client = ends[0];
	return 0;
}

/* Logs the first failure only: the cause may be temporary. */
static void
open_probe(const struct inherited *h)
{
	static bool logged;

	if (ask(h) == 0) {
		state = TAKEOVER_ASKING;
		asked_at = clock_now();
		return;
	}
	if (!logged)
		log_error("cannot send the test request: %s; trying again "
			  "until it works",
		    strerror(errno));
	logged = true;
}

/* Any response will do: it proves that a worker serves. */
static bool
is_answered(void)
{
	char bytes[sizeof(answer) - 1];
	ssize_t n =
	    recv(client, bytes, sizeof(answer) - 1 - answered, MSG_DONTWAIT);

	if (n > 0 && memcmp(bytes, answer + answered, (size_t)n) == 0)
		answered += (size_t)n;
	return answered == sizeof(answer) - 1;
}

static bool
has_given_way(void)
{
	char word;
	ssize_t n = recv(left.talk, &word, 1, MSG_DONTWAIT);

	return n == 0 || (n == 1 && word == UPGRADE_ENV_GO) ||
	    (n == -1 && errno != EAGAIN && errno != EINTR);
}

bool
takeover_act(struct inherited *h)
{
	static const char ready = UPGRADE_ENV_READY;

	switch (state) {
	case TAKEOVER_OPENING:
		open_probe(h);
		return false;
	case TAKEOVER_ASKING:
		if (!is_answered())
			return false;
		close(client);
		client = -1;
		(void)!send(left.talk, &ready, 1, MSG_NOSIGNAL);
		state = TAKEOVER_READY;
		return false;
	case TAKEOVER_READY:
		return has_given_way();
	case TAKEOVER_NONE:
		break;
	}
	return false;
}

int64_t
takeover_next(void)
{
	return takeover_is_waiting() ? clock_now() + TAKEOVER_TICK
				     : CLOCK_NEVER;
}

int64_t
takeover_asked(void)
{
	return asked_at;
}

bool
takeover_is_promised(void)
{
	return state == TAKEOVER_READY;
}

void
takeover_look_back(void)
{
	struct pollfd asked = {.fd = predecessor, .events = POLLIN};

	if (predecessor == -1 || poll(&asked, 1, 0) != 1)
		return;
	close(predecessor);
	predecessor = -1;
}

int
takeover_predecessor(void)
{
	return predecessor;
}

void
takeover_tell_predecessor(int signo)
{
	if (predecessor != -1)
		(void)syscall(
		    SYS_pidfd_send_signal, predecessor, signo, NULL, 0);
}

void
takeover_leave(void)
{
	if (predecessor != -1)
		close(predecessor);
	if (!takeover_is_waiting())
		return;
	close(left.talk);
	close(gate_keeper);
	if (left.predecessor != -1)
		close(left.predecessor);
	if (client != -1)
		close(client);
}

void
takeover_accede(struct inherited *h)
{
	predecessor = left.predecessor;
	close(gate_keeper);
	close(h->accept_gate);
	h->accept_gate = -1;
	listener_keep_all(&h->listeners);
	listener_keep_all(&h->status.listeners);
	h->status.inherited = NULL;
	close(left.talk);
	upgrade_env_free(&left);
	state = TAKEOVER_NONE;
}
