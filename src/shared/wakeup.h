/*
 * wakeup: one process learns from others that there is something to do.  It is
 * a pipe, of which only the one that is woken keeps the reading end: no other
 * can make its reads block, or take the news away (an eventfd is one open file
 * for all, and O_NONBLOCK is that file's).
 */
#ifndef TINED_SHARED_WAKEUP_H
#define TINED_SHARED_WAKEUP_H

#include <stdbool.h>

struct wakeup {
	int from; /* readable when somebody has sent */
	int to;	  /* for all who may send */
};

/* Non-blocking at both ends.  -1 with errno. */
int wakeup_open(struct wakeup *w);
/*
 * For many that are woken by one: an eventfd, which nobody reads.  Each of them
 * watches it with EPOLLET, and sees each call of wakeup_send.
 */
int wakeup_open_for_all(struct wakeup *w);
void wakeup_close(struct wakeup *w);
/* From the handler of a signal, too; when there is much unread it does not. */
void wakeup_send(const struct wakeup *w);
/* Reads what has come: whether there was any. */
bool wakeup_take(const struct wakeup *w);

#endif
