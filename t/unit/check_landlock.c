#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sandbox/landlock.h"
#include "unit.h"

#define NEWEST 7
#define ABI_NET 4
#define ABI_SCOPES 6

static char folder[] = "/tmp/landlock-XXXXXX";

TEST(each_version_forbids_what_it_knows)
{
	static const uint64_t files[] = {
	    0, 0x1fff, 0x3fff, 0x7fff, 0x7fff, 0xffff, 0xffff, 0xffff};

	for (int abi = 0; abi <= NEWEST; abi++) {
		ck_assert_uint_eq(landlock_files(abi), files[abi]);
		ck_assert_uint_eq(landlock_ports(abi), abi >= ABI_NET ? 3 : 0);
		ck_assert_uint_eq(
		    landlock_scopes(abi), abi >= ABI_SCOPES ? 3 : 0);
	}
}

static bool
opens(const char *name, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd != -1)
		close(fd);
	return fd != -1;
}

static bool
binds(void)
{
	const struct sockaddr_in a = {
	    .sin_family = AF_INET,
	    .sin_addr = {htonl(INADDR_LOOPBACK)},
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return bind(fd, (const struct sockaddr *)&a, sizeof(a)) == 0;
}

/* In a child, with the inner folder and that grant; 0, or what was wrong. */
static int
try_fence(int abi, unsigned grant, bool network)
{
	char path[64];
	struct landlock_rule rule = {.grant = grant};
	struct landlock_fence fence = {&rule, 1, network};

	snprintf(path, sizeof(path), "%s/inner", folder);
	rule.directory = open(path, O_PATH | O_CLOEXEC);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (landlock_confine(abi, &fence) == -1)
		return 1;
	if (opens("outer", O_RDONLY) || opens("outer", O_WRONLY))
		return 2;
	if (opens("inner/file", O_RDONLY) != ((grant & LANDLOCK_READ) != 0))
		return 3;
	if (opens("inner/file", O_WRONLY) != ((grant & LANDLOCK_WRITE) != 0))
		return 4;
	if (opens("inner/new", O_WRONLY | O_CREAT) !=
	    ((grant & LANDLOCK_WRITE) != 0))
		return 5;
	if (binds() != (network || abi < ABI_NET))
		return 6;
	if ((kill(getppid(), 0) == 0) != (abi < ABI_SCOPES))
		return 7;
	return 0;
}

static void
remove_files(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}

static void
make_files(void)
{
	char path[64];

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/inner", folder);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert(opens("outer", O_WRONLY | O_CREAT));
	ck_assert(opens("inner/file", O_WRONLY | O_CREAT));
}

/* In a child: one file, and a device that may be used. */
static int
try_files(int abi)
{
	char path[64];
	struct landlock_rule rules[] = {
	    {.grant = LANDLOCK_READ | LANDLOCK_WRITE | LANDLOCK_RUN},
	    {.grant = LANDLOCK_USE},
	};
	const struct landlock_fence fence = {rules, 2, false};
	int device;

	snprintf(path, sizeof(path), "%s/inner/file", folder);
	rules[0].directory = open(path, O_PATH | O_CLOEXEC);
	rules[1].directory = open("/dev/null", O_PATH | O_CLOEXEC);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (landlock_confine(abi, &fence) == -1)
		return 1;
	if (!opens("inner/file", O_RDWR) || opens("outer", O_RDONLY))
		return 2;
	if (opens("inner/new", O_WRONLY | O_CREAT))
		return 3;
	device = open("/dev/null", O_RDWR | O_TRUNC | O_CLOEXEC);
	return device != -1 ? 0 : 4;
}

TEST(single_files)
{
	int newest = landlock_probe(), status;
	pid_t child;

	make_files();
	child = fork();
	if (child == 0)
		_exit(newest > 0 ? try_files(newest) : 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	remove_files();
}

/* Whatever version the kernel has, it also serves the older ones. */
TEST(the_kernel_does_so)
{
	int newest = landlock_probe(), status;

	if (newest > NEWEST)
		newest = NEWEST;
	make_files();
	for (int abi = 1; abi <= newest; abi++)
		for (unsigned grant = 1; grant < 4; grant++) {
			pid_t child = fork();

			if (child == 0)
				_exit(try_fence(abi, grant, grant == 1));
			ck_assert_int_eq(waitpid(child, &status, 0), child);
			ck_assert_msg(status == 0, "version %d, grant %u: %d",
			    abi, grant, WEXITSTATUS(status));
		}
	remove_files();
}
