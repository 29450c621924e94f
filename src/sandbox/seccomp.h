/*
 * seccomp: the system calls that a process can do without are taken from it
 * (seccomp(2)), so that a mistake in it opens little of the kernel.
 *
 * A worker runs modules, whose system calls are unknown: its list has the calls
 * that the kernel refuses with EPERM.  The lot runs code of this project only:
 * its list has the calls that the kernel allows, and all others fail with EPERM;
 * killing the lot would cost its clients.  A change that makes the lot use
 * another call adds that call to the list in seccomp_rules.c.  Calls that are newer
 * than the lists fail with ENOSYS in both, so that libraries use older ones.
 *
 * seccomp.c assembles the program itself, because each process needs its own,
 * which contains its process ID.  libseccomp 2.5 takes 0.6 to 0.9 ms for that
 * instead of 0.01 ms, so that only 3,500 workers instead of 5,700 could be
 * replaced per second, and leaves 45 KiB more private memory in each.  It also
 * cannot express "newer than these" or (argument & mask) != value.
 */
#ifndef TINED_SANDBOX_SECCOMP_H
#define TINED_SANDBOX_SECCOMP_H

#include <linux/filter.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sandbox/seccomp_grant.h"

enum seccomp_list {
	SECCOMP_WORKER,
	SECCOMP_LOT,
};

#define SECCOMP_PROGRAM_MAX 512

/*
 * True if the kernel has filters, and tined knows this machine's system calls.
 */
bool seccomp_probe(void);
/*
 * Writes the filter program of a process, which may still signal itself.
 * Returns the number of instructions; 0 on a machine whose system calls are
 * unknown.
 */
size_t seccomp_compile(struct sock_filter program[SECCOMP_PROGRAM_MAX],
    enum seccomp_list list, unsigned grants, pid_t self);
/* Permanent.  The process must have no_new_privs.  -1 with errno. */
int seccomp_confine(enum seccomp_list list, unsigned grants);

#endif
