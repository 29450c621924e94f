/*
 * control: what the master tells all of its children, with descriptors.  There
 * is one notice at a time, and each child reads it for itself, when a signal
 * says that it is there; it stays until the next one takes its place.
 */
#ifndef TINED_CONTROL_H
#define TINED_CONTROL_H

#include <stddef.h>

/* Descriptors of a notice; -1 where there is none. */
enum control_fd {
	CONTROL_ACCESS_LOG,
	CONTROL_ERROR_LOG,
	CONTROL_FDS,
};

struct control {
	int from;
	int to;
};

struct control_notice {
	unsigned number; /* counts up */
	int fds[CONTROL_FDS];
};

/* -1 with errno. */
int control_open(struct control *c);
/* By the master.  -1 with errno. */
int control_post(const struct control *c, const struct control_notice *n);
/*
 * By a child; safe in the handler of a signal.  The descriptors are the
 * caller's to close.  -1 with errno: EAGAIN when there is none, EMFILE when its
 * descriptors cannot be had.
 */
int control_read(const struct control *c, struct control_notice *n);

#endif
