#include <sys/socket.h>

#include <unistd.h>

#include "shared/wakeup.h"

/*
 * The most messages taken at once: a process that sends without end must not
 * occupy the receiver.
 */
#define TAKE_MAX 1000

/* Shuts the receiving end for sending, because nobody would receive that. */
int
wakeup_open(struct wakeup *w)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		ends) == -1)
		return -1;
	*w = (struct wakeup){.from = ends[0], .to = ends[1]};
	(void)shutdown(w->to, SHUT_RD);
	return 0;
}

static void
wakeup_close_end(int *end)
{
	if (*end != -1)
		close(*end);
	*end = -1;
}

void
wakeup_close(struct wakeup *w)
{
	wakeup_close_end(&w->from);
	wakeup_close_end(&w->to);
}

void
wakeup_send(const struct wakeup *w)
{
	(void)!send(w->to, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Makes room first, because no other process takes messages. */
void
wakeup_send_to_all(const struct wakeup *w)
{
	(void)wakeup_take(w);
	wakeup_send(w);
}

bool
wakeup_take(const struct wakeup *w)
{
	char byte;
	int count = 0;

	while (count < TAKE_MAX &&
	    recv(w->from, &byte, sizeof(byte), MSG_DONTWAIT) != -1)
		count++;
	return count > 0;
}
