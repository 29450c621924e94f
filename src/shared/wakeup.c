#include <sys/eventfd.h>

#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <unistd.h>

#include "shared/wakeup.h"

/* At once: what is left is taken the next time. */
#define TAKE_MAX 4096

int
wakeup_open(struct wakeup *w)
{
	int ends[2];

	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) == -1)
		return -1;
	*w = (struct wakeup){.from = ends[0], .to = ends[1]};
	return 0;
}

int
wakeup_open_for_all(struct wakeup *w)
{
	w->from = w->to = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return w->to == -1 ? -1 : 0;
}

static void
close_end(int *end)
{
	if (*end != -1)
		close(*end);
	*end = -1;
}

/* An eventfd is both ends. */
void
wakeup_close(struct wakeup *w)
{
	if (w->to == w->from)
		w->to = -1;
	close_end(&w->from);
	close_end(&w->to);
}

/*
 * One that is unread is as good as two.  Other senders share the open file and
 * may have made it block: the look before makes that harmless.
 */
void
wakeup_send(const struct wakeup *w)
{
	struct pollfd p = {.fd = w->to, .events = POLLOUT};
	const uint64_t one = 1; /* as an eventfd wants it */

	if (poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0)
		(void)!write(w->to, &one, sizeof(one));
}

bool
wakeup_take(const struct wakeup *w)
{
	char bytes[TAKE_MAX];

	return read(w->from, bytes, sizeof(bytes)) > 0;
}
