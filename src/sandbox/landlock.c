#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "sandbox/landlock.h"

/* The C library has no wrappers, and its headers may lack newer constants. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif
#define GET_VERSION 1U
#define PATH_BENEATH 1

#define FS_EXECUTE (UINT64_C(1) << 0)
#define FS_WRITE_FILE (UINT64_C(1) << 1)
#define FS_READ_FILE (UINT64_C(1) << 2)
#define FS_READ_DIR (UINT64_C(1) << 3)
#define FS_REFER (UINT64_C(1) << 13)
#define FS_TRUNCATE (UINT64_C(1) << 14)
#define FS_IOCTL_DEV (UINT64_C(1) << 15)
#define NET_TCP ((UINT64_C(1) << 0) | (UINT64_C(1) << 1)) /* bind, connect */
#define SCOPES ((UINT64_C(1) << 0) | (UINT64_C(1) << 1))  /* below */

/* The versions of the kernel's interface that added what tined uses. */
#define ABI_REFER 2
#define ABI_TRUNCATE 3
#define ABI_NET 4
#define ABI_IOCTL_DEV 5
#define ABI_SCOPES 6 /* abstract Unix sockets, signals */

struct ruleset_attr {
	uint64_t files;
	uint64_t ports;
	uint64_t scopes;
};

struct path_attr {
	uint64_t allowed;
	int32_t directory;
} __attribute__((packed));

int
landlock_probe(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, GET_VERSION);

	return abi > 0 ? (int)abi : 0;
}

const char *
landlock_describe(int abi)
{
	if (abi >= ABI_SCOPES)
		return "other files, TCP ports, other processes";
	return abi >= ABI_NET ? "other files, TCP ports" : "other files";
}

uint64_t
landlock_files(int abi)
{
	uint64_t all = FS_REFER - 1;

	if (abi >= ABI_REFER)
		all |= FS_REFER;
	if (abi >= ABI_TRUNCATE)
		all |= FS_TRUNCATE;
	if (abi >= ABI_IOCTL_DEV)
		all |= FS_IOCTL_DEV;
	return abi > 0 ? all : 0;
}

uint64_t
landlock_ports(int abi)
{
	return abi >= ABI_NET ? NET_TCP : 0;
}

uint64_t
landlock_scopes(int abi)
{
	return abi >= ABI_SCOPES ? SCOPES : 0;
}

static uint64_t
files_of(unsigned grant, int abi)
{
	const uint64_t reading = FS_READ_FILE | FS_READ_DIR;
	uint64_t files = 0;

	if ((grant & (LANDLOCK_READ | LANDLOCK_USE)) != 0)
		files |= reading;
	if ((grant & LANDLOCK_USE) != 0)
		files |= FS_WRITE_FILE;
	if ((grant & LANDLOCK_WRITE) != 0)
		files |= landlock_files(abi) & ~(reading | FS_EXECUTE);
	if ((grant & LANDLOCK_RUN) != 0)
		files |= FS_EXECUTE;
	return files;
}

/*
 * The kernel refuses rights to a file that only a directory can give.  What it
 * knows of the file is enough: asking a file system that stands still would keep
 * the worker from starting.
 */
static uint64_t
fitting(int fd, uint64_t files)
{
	const uint64_t of_files = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE |
	    FS_TRUNCATE | FS_IOCTL_DEV;
	struct statx st;
	bool is_file = statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
			   STATX_TYPE, &st) == 0 &&
	    !S_ISDIR(st.stx_mode);

	return is_file ? files & of_files : files;
}

static int
landlock_add_rules(int ruleset, int abi, const struct landlock_fence *fence)
{
	for (size_t i = 0; i < fence->rule_count; i++) {
		const struct landlock_rule *rule = &fence->rules[i];
		const struct path_attr attr = {
		    .allowed =
			fitting(rule->directory, files_of(rule->grant, abi)),
		    .directory = rule->directory,
		};

		if (syscall(SYS_landlock_add_rule, ruleset, PATH_BENEATH, &attr,
			0) == -1)
			return -1;
	}
	return 0;
}

/* An older kernel accepts a longer structure only if its end is zero. */
int
landlock_confine(int abi, const struct landlock_fence *fence)
{
	const struct ruleset_attr attr = {
	    .files = landlock_files(abi),
	    .ports = fence->network ? 0 : landlock_ports(abi),
	    .scopes = landlock_scopes(abi),
	};
	int ruleset =
	    (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	int result, saved;

	if (ruleset == -1)
		return -1;
	result = landlock_add_rules(ruleset, abi, fence);
	if (result == 0)
		result = (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
	saved = errno;
	close(ruleset);
	errno = saved;
	return result;
}
