/*
 * identity: who a process that serves clients is: user, groups, root folder,
 * capabilities.  Looked up by the master, which needs the system's tables for
 * it, and taken on in each child.
 */
#ifndef TINED_SANDBOX_IDENTITY_H
#define TINED_SANDBOX_IDENTITY_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "config/config.h"

struct identity {
	bool changes; /* it is another user than the master */
	uid_t uid;
	gid_t gid;
	char *user, *group; /* their names, or numbers; owned */
	gid_t *groups;	    /* all of them; owned */
	int group_count;
	int root;	  /* --chroot: a descriptor of it; -1: none */
	const char *path; /* and its name */
};

/*
 * As --user, --group and --chroot ask for.  -1 with words in why that name the
 * flag and the mend.  root: NULL, or a descriptor of --chroot that somebody has
 * opened, and -1 when it has been taken from there.
 */
int identity_init(
    struct identity *id, const struct config *c, int *root, struct buffer *why);
void identity_free(struct identity *id);
/* "nobody (65534), group nogroup (65534), with groups 65534 and 100" */
void identity_describe(const struct identity *id, struct buffer *b);
/*
 * False when what the descriptor is a folder of lies outside of --chroot: a
 * process that has it could walk out by it.
 */
bool identity_encloses(const struct identity *id, int folder);
/*
 * For good: root folder, groups, user, and no capability, nor a way to any,
 * but those of the bits in keep, for a process that stays root.  NULL, or what
 * failed, with errno.
 */
const char *identity_take_on(const struct identity *id, uint64_t keep);

#endif
