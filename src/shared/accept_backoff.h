/*
 * accept_backoff: a process that cannot take connections for want of
 * descriptors or of the kernel's memory.  That passes by itself and nobody
 * tells when, so it is tried again after a pause; the log has the beginning and
 * the end.
 */
#ifndef TINED_SHARED_ACCEPT_BACKOFF_H
#define TINED_SHARED_ACCEPT_BACKOFF_H

#include <stdbool.h>

#define ACCEPT_BACKOFF_PAUSE_MS 100

/* All zeroes when there is none. */
struct accept_backoff {
	bool is;
	int source; /* the descriptor that has told of it first */
};

/* Nothing comes from there, by that errno. */
void accept_backoff_begin(struct accept_backoff *f, int source, int error);
/* Something has come from there; or nothing, but it would have. */
void accept_backoff_end(struct accept_backoff *f, int source);

#endif
