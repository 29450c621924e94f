/*
 * upgrade_env: what a master leaves to the one that takes its place
 * (upgrade.h): descriptors that are inherited, and what is to be known of them,
 * as one string, in the environment.
 */
#ifndef TINED_MASTER_UPGRADE_ENV_H
#define TINED_MASTER_UPGRADE_ENV_H

#include <stdbool.h>

#include "base/buffer.h"
#include "net/listener.h"

#define UPGRADE_ENV_VARIABLE "TINED_UPGRADE"

/* The two words that are said on talk: by the successor, and back. */
#define UPGRADE_ENV_READY 'R'
#define UPGRADE_ENV_GO 'G'

struct upgrade_env {
	int talk;    /* to the predecessor: upgrade.h */
	int errors;  /* what standard error was; it is the predecessor's now */
	int channel; /* connections that its lot held; -1: none */
	int pidfile; /* with its lock; -1: none */
	int predecessor; /* pidfd_open(2) of who leaves it */
	struct listener *at;
	size_t count;
	int status; /* how many of them, the last, are --status-socket's */
};

void upgrade_env_write(struct buffer *b, const struct upgrade_env *q);
/* False if it is none of ours; what is got must be freed. */
bool upgrade_env_read(struct upgrade_env *q, const char *string);
void upgrade_env_free(struct upgrade_env *q);

#endif
