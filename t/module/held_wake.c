/*
 * held_wake: for LD_PRELOAD: a process that was woken for a client that waits to
 * be accepted loses the core at that moment, until $HELD_WAKE signals have come.
 * Meanwhile its name is "held".
 */
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <dlfcn.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>

static bool
is_listening(int fd)
{
	socklen_t len = sizeof(int);
	int listens = 0;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 &&
	    listens;
}

/* Once in the life of a process. */
static void
hold(void)
{
	static bool held;
	const char *signals = getenv("HELD_WAKE");

	if (held || signals == NULL)
		return;
	held = true;
	prctl(PR_SET_NAME, "held");
	for (int i = atoi(signals); i > 0; i--)
		poll(NULL, 0, -1);
	prctl(PR_SET_NAME, "let go");
}

int
epoll_wait(int epoll, struct epoll_event *events, int max, int timeout)
{
	static int (*next)(int, struct epoll_event *, int, int);
	int count;

	if (next == NULL)
		*(void **)&next = dlsym(RTLD_NEXT, "epoll_wait");
	count = next(epoll, events, max, timeout);
	for (int i = 0; i < count; i++)
		if (is_listening(events[i].data.fd))
			hold();
	return count;
}
