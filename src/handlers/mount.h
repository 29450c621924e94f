/*
 * mount: what is mounted at a path: a module, its state, and what it has said in
 * its mount function.  The functions of tined.h that take a mount are in
 * mount.c; builtin.h has those for the handlers of this server.
 */
#ifndef TINED_HANDLERS_MOUNT_H
#define TINED_HANDLERS_MOUNT_H

#include "base/buffer.h"
#include "handlers/builtin.h"
#include "sandbox/privilege.h"
#include "tined.h"

/* An argument KEY=VALUE. */
struct mount_argument {
	const char *key;
	const char *value;
	bool taken; /* the module has asked for it */
};

/* A directory that a worker uses, and how: enum privilege_need. */
struct mount_directory {
	int fd; /* the module's */
	unsigned needs;
	bool passed; /* builtin_need_directory */
};

struct tined_mount {
	char *prefix; /* "/bench"; "" for the root; owned */
	size_t length;
	size_t index;			   /* in config.mounts */
	enum config_write_mode write_mode; /* of its responses */
	const struct tined_module *module;
	void *state;   /* the module's */
	void *library; /* of dlopen(3), or NULL; module.h */

	/* While it is mounted: */
	const struct builtin_setup *setup;
	const char *kind;     /* of --mount PREFIX=KIND:ARGUMENT */
	const char *argument; /* and its argument */
	struct buffer *why;   /* for an error message */
	size_t why_begin;     /* in *why */
	bool malformed;	      /* the command line is wrong: EINVAL */

	/* builtin_split_argument: the parts of the argument; owned. */
	char *subject;
	struct mount_argument *arguments;
	size_t argument_count;
	struct buffer asked; /* keys, "a, b" */
	struct buffer found; /* builtin_note_found */

	/* What it has said.  reads: the methods whose content it reads, for
	 * which the server may send 100 Continue, and receive content first. */
	unsigned methods, reads; /* sets of enum method */
	bool takes_content;
	bool spools;   /* builtin_spool_content */
	int directory; /* that it serves; -1: none */
	unsigned needs;
	struct mount_directory *directories; /* others; owned */
	size_t directory_count;
};

/*
 * Calls the mount function of m->module.  The caller has set the members that
 * are not the result of that; the others are zero.  -1 with an error message in
 * *m->why, and *m is freed; errno is EINVAL if the command line is wrong.
 */
int mount_begin(struct tined_mount *m);
/* Calls unmount, and frees what is owned. */
void mount_end(struct tined_mount *m);
/*
 * Called by a worker when it starts and, if that has succeeded, when it ends.  -1
 * if the module cannot work; it has said why in the log.
 */
int mount_start(const struct tined_mount *m);
void mount_stop(const struct tined_mount *m);
/*
 * Called once by the master: from then on a child that a module forks is noticed.
 * The master's own children call the other when they start.
 */
void mount_note_forks(void);
void mount_clear_fork(void);
/*
 * Called by a worker for each request; and by a serve function, if another mount
 * is to serve the request in its place.
 */
void mount_serve(const struct tined_mount *m, struct tined_exchange *x);
/*
 * If mount_start, mount_stop or mount_serve is calling a module, lets it write what
 * it is doing: async-signal-safe.
 */
void mount_dump(int fd);

#endif
