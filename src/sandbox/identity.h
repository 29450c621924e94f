/*
 * identity: the user, groups, root directory and capabilities of the processes
 * that serve clients.  The master looks them up in the system's tables; each
 * child takes them on.
 */
#ifndef TINED_SANDBOX_IDENTITY_H
#define TINED_SANDBOX_IDENTITY_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "config/config.h"

struct identity {
	bool changes; /* the user is not that of the master */
	uid_t uid;
	gid_t gid;
	char *user, *group; /* their names, or numbers; owned */
	gid_t *groups;	    /* all of them; owned */
	int group_count;
	int root;	  /* descriptor of --chroot; -1: none */
	const char *path; /* of --chroot */
};

/* What another process has found for it. */
struct identity_opened {
	int root; /* a descriptor of --chroot; -1: none, or taken; owned */
	struct buffer found; /* identity_tell; owned */
};

/*
 * Looks up --user, --group and --chroot; but takes them from *opened, unless that
 * is NULL, and does not wait for files or servers then.  -1 with an error message
 * in *why that names the option and the remedy.
 */
int identity_init(struct identity *id, const struct config *c,
    struct identity_opened *opened, struct buffer *why);
/* Adds what it has found, for identity_init in another process. */
void identity_tell(const struct identity *id, struct buffer *found);
void identity_free(struct identity *id);
/* Adds "nobody (65534), group nogroup (65534), groups 65534, 100". */
void identity_describe(const struct identity *id, struct buffer *b);
/*
 * False if the directory lies outside --chroot: a process with this descriptor
 * could leave the root directory by it.
 */
bool identity_encloses(const struct identity *id, int directory);
/*
 * Changes root directory, groups and user, and drops all capabilities and every
 * way to gain one, permanently.  A process that stays root keeps the
 * capabilities whose bits are in keep.  Returns NULL, or the name of the step
 * that failed, with errno.
 */
const char *identity_take_on(const struct identity *id, uint64_t keep);

#endif
