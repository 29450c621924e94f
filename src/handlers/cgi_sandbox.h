/*
 * cgi_sandbox: grants what the programs of a mount need in the sandbox that they
 * share with their worker: which files they read, run and change, and whether they
 * have sockets.  Beyond what the arguments of the mount name, it grants as little
 * as usual programs can do with.
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
	int *fds;     /* of what is granted; owned, until unmount */
	size_t count;
};

/* -1 if the root cannot be opened. */
int cgi_sandbox_init(
    struct cgi_sandbox *s, struct tined_mount *m, const char *root);
/*
 * In the second call of the mount function (builtin.h), in place of the other
 * functions: takes over what these have granted in the first, and logs what that
 * could not log.  -1 with the error message.
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
