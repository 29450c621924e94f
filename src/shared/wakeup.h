/*
 * wakeup: wakes other processes up.  It is a pair of datagram sockets.  The
 * processes at one end share an open file description, and each of them could
 * make it blocking, because O_NONBLOCK belongs to the description.  So each
 * send and receive has MSG_DONTWAIT, which a pipe or an eventfd does not
 * support.
 */
#ifndef TINED_SHARED_WAKEUP_H
#define TINED_SHARED_WAKEUP_H

#include <stdbool.h>

struct wakeup {
	int from; /* readable after a send */
	int to;	  /* for sending */
};

/* -1 with errno. */
int wakeup_open(struct wakeup *w);
void wakeup_close(struct wakeup *w);
/*
 * Async-signal-safe.  Does nothing if an earlier message is not received yet.
 */
void wakeup_send(const struct wakeup *w);
/*
 * Wakes all processes that watch w->from with EPOLLET, and never take.  The
 * sender is the one process that has both ends.
 */
void wakeup_send_to_all(const struct wakeup *w);
/* Takes what has come: whether there was any. */
bool wakeup_take(const struct wakeup *w);

#endif
