/*
 * bequest: what a master leaves to the one that takes its place (upgrade.h):
 * descriptors that are inherited, and what is to be known of them, as one
 * string, in the environment.
 */
#ifndef TINED_BEQUEST_H
#define TINED_BEQUEST_H

#include <stdbool.h>

#include "buffer.h"
#include "listener.h"

#define BEQUEST_VARIABLE "TINED_UPGRADE"

/* The two words that are said on talk: by the heir, and back. */
#define BEQUEST_READY 'R'
#define BEQUEST_GO 'G'

struct bequest {
	int talk;    /* to the predecessor: upgrade.h */
	int errors;  /* what standard error was; it is the predecessor's now */
	int lane;    /* connections that its lot held; -1: none */
	int pidfile; /* with its lock; -1: none */
	int predecessor; /* pidfd_open(2) of who leaves it */
	struct listener *at;
	size_t count;
	int status; /* how many of them, the last, are --status-socket's */
};

void bequest_write(struct buffer *b, const struct bequest *q);
/* False if it is none of ours; what is got must be freed. */
bool bequest_read(struct bequest *q, const char *string);
void bequest_free(struct bequest *q);

#endif
