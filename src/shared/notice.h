/*
 * notice: what the master tells all of its children, with descriptors.  There
 * is one notice at a time, and each child reads it for itself, when a signal
 * says that it is there; it stays until the next one takes its place.
 */
#ifndef TINED_SHARED_NOTICE_H
#define TINED_SHARED_NOTICE_H

#include <stddef.h>

/* Descriptors of a notice; -1 where there is none. */
enum notice_box_fd {
	NOTICE_BOX_ACCESS_LOG,
	NOTICE_BOX_ERROR_LOG,
	NOTICE_BOX_FDS,
};

struct notice_box {
	int from;
	int to;
};

struct notice {
	unsigned number; /* counts up */
	int fds[NOTICE_BOX_FDS];
};

/* -1 with errno. */
int notice_box_open(struct notice_box *c);
/* By the master.  -1 with errno. */
int notice_box_post(const struct notice_box *c, const struct notice *n);
/*
 * By a child; safe in the handler of a signal.  The descriptors are the
 * caller's to close.  -1 with errno: EAGAIN when there is none, EMFILE when its
 * descriptors cannot be had.
 */
int notice_box_read(const struct notice_box *c, struct notice *n);

#endif
