/*
 * accept_backoff: the state of a process that cannot accept connections because
 * descriptors or kernel memory are short.  The kernel does not signal the end
 * of that, so the process tries again after a pause.  The log has the beginning
 * and the end.
 */
#ifndef TINED_SHARED_ACCEPT_BACKOFF_H
#define TINED_SHARED_ACCEPT_BACKOFF_H

#include <stdbool.h>

#define ACCEPT_BACKOFF_PAUSE_MS 100

/* All zeroes when there is none. */
struct accept_backoff {
	bool is;
	int source; /* the descriptor on which it began */
};

/* Called when an accept or receive from source has failed with that errno. */
void accept_backoff_begin(struct accept_backoff *f, int source, int error);
/* Called when one has succeeded, or would have if a client were waiting. */
void accept_backoff_end(struct accept_backoff *f, int source);

#endif
