/*
 * privilege: what processes that serve clients may still do: who they are
 * (identity.h), what they can reach (landlock.h), what they can ask of the
 * kernel (seccomp.h).  A worker that is taken over is no further than that.
 *
 * What a worker can reach when it serves: all that was open before, files
 * below the folders that are mounted, for reading, and syslog if a log goes
 * there.  Not: /proc, /etc, /dev, new TCP connections, other processes but by
 * descriptors.  Whoever needs such a file opens it before privilege_drop, and
 * libraries that are loaded late (backtrace(3) loads one) are loaded by then.
 */
#ifndef TINED_SANDBOX_PRIVILEGE_H
#define TINED_SANDBOX_PRIVILEGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "config/config.h"
#include "sandbox/identity.h"

/* What a handler needs beyond the folder below which it reads. */
enum privilege_need {
	PRIVILEGE_READ = 1,    /* files anywhere, as far as the user may */
	PRIVILEGE_WRITE = 2,   /* and to write and change them */
	PRIVILEGE_EXEC = 4,    /* other programs, in processes of their own */
	PRIVILEGE_CONNECT = 8, /* servers elsewhere */
};

struct privilege_needs {
	unsigned more;	  /* of enum privilege_need */
	int *directories; /* descriptors: what is below may be read; owned */
	size_t directory_count;
};

struct privilege {
	struct identity identity;
	bool confined; /* not --no-sandbox */
	bool syslog;
	int landlock; /* the kernel's version of it, 0: none */
	bool seccomp;
};

enum privilege_role {
	PRIVILEGE_WORKER,
	PRIVILEGE_LOT, /* needs nothing but what is open */
};

void privilege_need_directory(struct privilege_needs *needs, int directory);
void privilege_free_needs(struct privilege_needs *needs);

/* -1 with words in why; root is as in identity_init. */
int privilege_init(
    struct privilege *p, const struct config *c, int *root, struct buffer *why);
void privilege_free(struct privilege *p);
/* Who workers are, and what keeps them in: lines, each with its newline. */
void privilege_describe(const struct privilege *p,
    const struct privilege_needs *needs, struct buffer *b);
/* Logs the same, and in other words what an operator should know. */
void privilege_log(
    const struct privilege *p, const struct privilege_needs *needs);
/*
 * In a child, before it meets a client; needs may be NULL for the lot.  Clears
 * PR_SET_PDEATHSIG.  -1, and the log says why.
 */
int privilege_drop(const struct privilege *p, enum privilege_role role,
    const struct privilege_needs *needs);

#endif
