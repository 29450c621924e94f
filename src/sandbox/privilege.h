/*
 * privilege: restricts the processes that serve clients: their identity
 * (identity.h), the files and ports that they can use (landlock.h), and the
 * system calls that they can make (seccomp.h).  An attacker who takes over a
 * worker is restricted in the same way.
 *
 * A worker that serves can use descriptors that are already open, files below
 * the mounted directories, for reading.  It cannot use /proc, /etc, /dev, new
 * TCP connections, or other processes.  Code that needs such a file opens it
 * before privilege_drop, and loads libraries before it (backtrace(3) loads
 * one).
 */
#ifndef TINED_SANDBOX_PRIVILEGE_H
#define TINED_SANDBOX_PRIVILEGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "config/config.h"
#include "sandbox/identity.h"

/* Rights that a handler needs beyond reading below its directory. */
enum privilege_need {
	PRIVILEGE_READ = 1,    /* to read any file that the user can read */
	PRIVILEGE_WRITE = 2,   /* and to create and change files */
	PRIVILEGE_EXEC = 4,    /* to run other programs */
	PRIVILEGE_CONNECT = 8, /* to connect to other servers */
	/* To close connections for writing: where there is no lot for that. */
	PRIVILEGE_SHUTDOWN = 16,
	/* To read it, and to write to it: for devices such as /dev/null. */
	PRIVILEGE_USE = 32,
	PRIVILEGE_CORK = 64, /* to set TCP_CORK: --write-mode cork */
};

struct privilege_directory {
	int fd;		/* or of a single file */
	unsigned needs; /* for the files below it: enum privilege_need */
};

struct privilege_needs {
	unsigned more;				 /* of enum privilege_need */
	struct privilege_directory *directories; /* owned */
	size_t directory_count;
};

struct privilege {
	struct identity identity;
	bool confined; /* not --no-sandbox */
	int landlock;  /* the kernel's version of it, 0: none */
	bool seccomp;
};

enum privilege_role {
	PRIVILEGE_WORKER,
	PRIVILEGE_LOT, /* uses only descriptors that are open */
};

void privilege_need_directory(
    struct privilege_needs *needs, int directory, unsigned more);
void privilege_free_needs(struct privilege_needs *needs);

/* -1 with an error message in *why; opened is as in identity_init. */
int privilege_init(struct privilege *p, const struct config *c,
    struct identity_opened *opened, struct buffer *why);
void privilege_free(struct privilege *p);
/* Adds lines that describe the workers' identity and restrictions. */
void privilege_describe(const struct privilege *p,
    const struct privilege_needs *needs, struct buffer *b);
/* Logs these lines, and warns if the restrictions are weak. */
void privilege_log(
    const struct privilege *p, const struct privilege_needs *needs);
/* True if a worker with these needs may shut down sockets for writing. */
bool privilege_may_shutdown(
    const struct privilege *p, const struct privilege_needs *needs);
/*
 * Drops privileges in a child, before it reads data from a client.  needs may
 * be NULL for the lot.  Clears PR_SET_PDEATHSIG.  Returns -1 after logging why.
 */
int privilege_drop(const struct privilege *p, enum privilege_role role,
    const struct privilege_needs *needs);

#endif
