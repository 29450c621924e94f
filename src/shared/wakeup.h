/*
 * wakeup: one process tells others that there is something to do.  It is a
 * pair of datagram sockets.  The processes at one end share an open file, and
 * any of them may make that file block (O_NONBLOCK belongs to the file): so
 * each send and each receive says for itself that it does not wait, which
 * reads and writes of a pipe or an eventfd cannot.
 */
#ifndef TINED_SHARED_WAKEUP_H
#define TINED_SHARED_WAKEUP_H

#include <stdbool.h>

struct wakeup {
	int from; /* readable when somebody has sent */
	int to;	  /* for all who may send */
};

/* -1 with errno. */
int wakeup_open(struct wakeup *w);
void wakeup_close(struct wakeup *w);
/* In the handler of a signal, too.  One that is not taken yet is enough. */
void wakeup_send(const struct wakeup *w);
/*
 * Wakes all processes that watch w->from with EPOLLET, and never take.  The
 * sender is the one process that has both ends.
 */
void wakeup_send_to_all(const struct wakeup *w);
/* Takes what has come: whether there was any. */
bool wakeup_take(const struct wakeup *w);

#endif
