/*
 * famine: a process that cannot take connections for want of descriptors or of
 * the kernel's memory.  That passes by itself and nobody tells when, so it is
 * tried again after a pause; the log has the beginning and the end.
 */
#ifndef TINED_FAMINE_H
#define TINED_FAMINE_H

#include <stdbool.h>

#define FAMINE_PAUSE_MS 100

/* All zeroes when there is none. */
struct famine {
	bool is;
	int source; /* the descriptor that has told of it first */
};

/* Nothing comes from there, by that errno. */
void famine_begin(struct famine *f, int source, int error);
/* Something has come from there; or nothing, but it would have. */
void famine_end(struct famine *f, int source);

#endif
