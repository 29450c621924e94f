/*
 * host: the sources of the checks.  They read files of /proc and /sys below
 * root, and the rest from this struct; a test fills both with what it made up.
 */
#ifndef TINED_DOCTOR_HOST_H
#define TINED_DOCTOR_HOST_H

#include <sys/types.h>
#include <sys/vfs.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "doctor/finding.h"
#include "doctor/links.h"

struct running;

struct host {
	const char *root; /* "": this host; else a directory */
	bool is_root;	  /* the user may do what root may */
	int landlock;	  /* landlock.h; 0: none */
	bool seccomp;	  /* there is a filter of system calls */
	struct {
		int state;	/* of adjtimex(2); -1: not known */
		int error;	/* errno then */
		long uncertain; /* how wrong it may be, microseconds */
	} clock;
	struct links links;
	/* statfs(2) */
	int (*disk)(const char *directory, struct statfs *disk);
	const struct running *running; /* of use with --pid only */
};

/* Asks the kernel for all that is not in files. */
void host_look(struct host *h);
void host_free(struct host *h);

/* Reads a whole file.  False with errno. */
bool host_read(const struct host *h, const char *path, struct buffer *b);
/*
 * These read a setting by its name, as sysctl(8) has it: one number, or count
 * of them.  If that fails, they say so in *f and return false.
 */
bool host_number(const struct host *h, struct finding *f, const char *name,
    uint64_t *number);
bool host_numbers(const struct host *h, struct finding *f, const char *name,
    uint64_t *numbers, size_t count);
/* The same for a line of text, without its newline. */
bool host_line(const struct host *h, struct finding *f, const char *name,
    struct buffer *line);
/* Returns the number of a setting, or another one where there is none. */
uint64_t host_number_or(
    const struct host *h, const char *name, uint64_t otherwise);

/*
 * Finds the number behind a word, in the first line of a file that begins with
 * line: the "tw" of "TCP:" in /proc/net/sockstat.  "": the number follows the
 * beginning.  False with errno.
 */
bool host_find(const struct host *h, const char *path, const char *line,
    const char *word, uint64_t *number);

/* Of setrlimit(2); UINT64_MAX: unlimited. */
struct host_limit {
	uint64_t soft, hard;
};

/*
 * Reads a limit of this process by its name in /proc/self/limits.  If that
 * fails, says so in *f and returns false.
 */
bool host_limit(const struct host *h, struct finding *f, const char *name,
    struct host_limit *limit);
/* The same from another such file. */
bool host_limit_of(const struct host *h, struct finding *f, const char *path,
    const char *name, struct host_limit *limit);

#endif
