/*
 * cgi_sandbox: what the programs of a mount may do in the sandbox of their
 * worker, which is theirs as well: which files they read, run and change, and
 * whether they have sockets.  Besides what the arguments of the mount name, that
 * is as little as programs on a Unix system can do with.
 */
#ifndef TINED_HANDLERS_CGI_SANDBOX_H
#define TINED_HANDLERS_CGI_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "tined.h"

struct cgi_sandbox {
	struct tined_mount *mount;
	const char *path; /* PATH, where env(1) finds interpreters */
	const char *root; /* --chroot; "" without it; all paths are below it */
	int root_fd;
	size_t files; /* looked at */
	bool warned;  /* that they are too many */
	int *fds;     /* of what is granted, until unmount: shared_fd.h */
	size_t count;
};

/* -1 if the root cannot be opened. */
int cgi_sandbox_init(
    struct cgi_sandbox *s, struct tined_mount *m, const char *root);
/*
 * In place of the other functions below, up to cgi_sandbox_settle, for what they
 * have opened in another process: takes that from the setup of the mount.  -1 with
 * the error message.
 */
int cgi_sandbox_take(struct cgi_sandbox *s, struct tined_mount *m);
/*
 * Grants the directory and the programs in it, or the one program; and the
 * interpreters that they need now.  path is as programs see it.  -1 with the
 * error message of the mount.
 */
int cgi_sandbox_grant_programs(struct cgi_sandbox *s, const char *path);
/*
 * Grants what every program has, and what the arguments read=, write=, exec= and
 * network= name.  -1 with the error message.
 */
int cgi_sandbox_grant_arguments(struct cgi_sandbox *s);
/* Call it at the end of mount. */
void cgi_sandbox_settle(struct cgi_sandbox *s);
void cgi_sandbox_free(struct cgi_sandbox *s);

#endif
