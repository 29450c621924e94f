/*
 * upgrade_env: the environment variable by which a master passes its state to
 * its successor (upgrade.h): a string with inherited descriptors and their
 * meaning.
 */
#ifndef TINED_MASTER_UPGRADE_ENV_H
#define TINED_MASTER_UPGRADE_ENV_H

#include <stdbool.h>

#include "base/buffer.h"
#include "net/listener.h"

#define UPGRADE_ENV_VARIABLE "TINED_UPGRADE"

/* The two messages on talk: from the successor, and the response. */
#define UPGRADE_ENV_READY 'R'
#define UPGRADE_ENV_GO 'G'

struct upgrade_env {
	int talk;	 /* to the predecessor: upgrade.h */
	int errors;	 /* the original standard error */
	int channel;	 /* connections from the predecessor's lot; -1: none */
	int pidfile;	 /* with its lock; -1: none */
	int predecessor; /* its pidfd */
	struct listener *at;
	size_t count;
	int status; /* the last so many are those of --status-socket */
};

void upgrade_env_write(struct buffer *b, const struct upgrade_env *q);
/* Parses the string; false if it is invalid.  Free *q afterwards. */
bool upgrade_env_read(struct upgrade_env *q, const char *string);
void upgrade_env_free(struct upgrade_env *q);

#endif
