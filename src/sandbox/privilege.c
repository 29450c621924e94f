#include <linux/capability.h>
#include <sys/prctl.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "sandbox/landlock.h"
#include "sandbox/privilege.h"
#include "sandbox/seccomp.h"

/*
 * Sanitizers open their reports late, and need ptrace(2) and processes: a
 * program with a sanitizer has no sandbox.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER true
#else
#define HAS_SANITIZER false
#endif

void
privilege_need_directory(
    struct privilege_needs *needs, int directory, unsigned more)
{
	needs->directories = memory_resize(needs->directories,
	    needs->directory_count + 1, sizeof(needs->directories[0]));
	needs->directories[needs->directory_count++] =
	    (struct privilege_directory){directory, more};
}

void
privilege_free_needs(struct privilege_needs *needs)
{
	free(needs->directories);
	*needs = (struct privilege_needs){0};
}

int
privilege_init(struct privilege *p, const struct config *c,
    struct identity_opened *opened, struct buffer *why)
{
	*p = (struct privilege){
	    .confined = !c->no_sandbox && !HAS_SANITIZER,
	};
	if (p->confined) {
		p->landlock = landlock_probe();
		p->seccomp = seccomp_probe();
	}
	return identity_init(&p->identity, c, opened, why);
}

void
privilege_free(struct privilege *p)
{
	identity_free(&p->identity);
}

/* All needs together, of files anywhere and below directories. */
static unsigned
all_needs(const struct privilege_needs *needs)
{
	unsigned all = needs->more;

	for (size_t i = 0; i < needs->directory_count; i++)
		all |= needs->directories[i].needs;
	return all;
}

static void
describe_landlock(const struct privilege *p, unsigned more, struct buffer *b)
{
	if (p->landlock == 0) {
		buffer_add_string(
		    b, "Landlock: this kernel has none, or forbids it\n");
		return;
	}
	buffer_printf(b, "Landlock (version %d) keeps workers from: %s",
	    p->landlock, landlock_describe(p->landlock));
	if ((more & PRIVILEGE_WRITE) != 0)
		buffer_add_string(b, "; but a mount needs files anywhere");
	else if ((more & (PRIVILEGE_READ | PRIVILEGE_EXEC)) != 0)
		buffer_add_string(b, "; but a mount reads files anywhere");
	if ((more & PRIVILEGE_CONNECT) != 0)
		buffer_add_string(b, "; but a mount connects to servers");
	buffer_add_char(b, '\n');
}

/* Stores the path of a descriptor; empty if it has none. */
static struct text
find_path(int fd, char path[PATH_MAX])
{
	char link[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, PATH_MAX);
	return (struct text){path, len > 0 ? (size_t)len : 0};
}

/* True if one before that has the same path, and that need. */
static bool
is_listed(const struct privilege_needs *needs, size_t before, unsigned need,
    struct text path)
{
	char other[PATH_MAX];

	for (size_t i = 0; i < before; i++)
		if ((needs->directories[i].needs & need) != 0 &&
		    text_equal(
			find_path(needs->directories[i].fd, other), path))
			return true;
	return false;
}

/*
 * The list "a, b" of the files and directories with that need, each once: several
 * mounts may need the same.
 */
static void
list_paths(const struct privilege_needs *needs, unsigned need, struct buffer *b)
{
	const char *comma = "";
	char bytes[PATH_MAX];

	for (size_t i = 0; i < needs->directory_count; i++) {
		struct text path = {bytes, 0};

		if ((needs->directories[i].needs & need) != 0)
			path = find_path(needs->directories[i].fd, bytes);
		if (path.len == 0 || is_listed(needs, i, need, path))
			continue;
		buffer_add_string(b, comma);
		buffer_add_text(b, path);
		comma = ", ";
	}
}

/* Only Landlock distinguishes one program from another. */
static void
describe_programs(const struct privilege *p,
    const struct privilege_needs *needs, struct buffer *b)
{
	if ((all_needs(needs) & PRIVILEGE_EXEC) == 0)
		return;
	buffer_add_string(b, "programs that workers may run: ");
	if (p->landlock == 0 || (needs->more & PRIVILEGE_EXEC) != 0)
		buffer_add_string(b, "all");
	else
		list_paths(needs, PRIVILEGE_EXEC, b);
	buffer_add_char(b, '\n');
	if ((all_needs(needs) & PRIVILEGE_WRITE) == 0 || p->landlock == 0)
		return;
	buffer_add_string(b, "files that workers may change: ");
	if ((needs->more & PRIVILEGE_WRITE) != 0)
		buffer_add_string(b, "all");
	else
		list_paths(needs, PRIVILEGE_WRITE, b);
	buffer_add_char(b, '\n');
}

static void
describe_seccomp(const struct privilege *p, unsigned more, struct buffer *b)
{
	if (!p->seccomp) {
		buffer_add_string(
		    b, "seccomp: this kernel or machine has none\n");
		return;
	}
	buffer_add_string(b, "seccomp keeps workers from: ");
	if ((more & PRIVILEGE_EXEC) == 0)
		buffer_add_string(b, "programs, processes, ");
	if ((more & PRIVILEGE_CONNECT) == 0)
		buffer_add_string(b, "sockets of their own, ");
	buffer_add_string(
	    b, "tracing, mounting, kernel modules, other users\n");
}

void
privilege_describe(const struct privilege *p,
    const struct privilege_needs *needs, struct buffer *b)
{
	buffer_add_string(b, "workers run as ");
	identity_describe(&p->identity, b);
	buffer_add_char(b, '\n');
	if (!p->confined) {
		buffer_printf(b, "no sandbox: %s\n",
		    HAS_SANITIZER ? "this program has a sanitizer"
				  : "--no-sandbox");
		return;
	}
	describe_landlock(p, needs->more, b);
	describe_seccomp(p, all_needs(needs), b);
	describe_programs(p, needs, b);
}

static void
log_lines(struct buffer *b)
{
	struct text rest = buffer_text(b);
	const char *end;

	while ((end = memchr(rest.at, '\n', rest.len)) != NULL) {
		log_info("%.*s", (int)(end - rest.at), rest.at);
		rest.len -= (size_t)(end + 1 - rest.at);
		rest.at = end + 1;
	}
}

static bool
is_root(const struct privilege *p)
{
	return p->identity.user == NULL && p->identity.uid == 0;
}

void
privilege_log(const struct privilege *p, const struct privilege_needs *needs)
{
	struct buffer b = {0};

	privilege_describe(p, needs, &b);
	log_lines(&b);
	buffer_free(&b);
	if (!p->confined && !HAS_SANITIZER)
		log_warning("--no-sandbox: an attacker who takes over a "
			    "worker can do everything that %s may do",
		    is_root(p) ? "root" : "its user");
	else if (is_root(p))
		log_notice("workers run as root, because root started tined: "
			   "a user such as --user www-data is safer");
}

/* For workers that stay root: they may read what is served. */
static uint64_t
kept_capabilities(const struct privilege *p)
{
	if (p->identity.changes || p->identity.uid != 0)
		return 0;
	return p->confined ? UINT64_C(1) << CAP_DAC_READ_SEARCH : ~UINT64_C(0);
}

static unsigned
landlock_grants(unsigned more)
{
	unsigned grants = 0;

	if ((more & (PRIVILEGE_READ | PRIVILEGE_WRITE | PRIVILEGE_EXEC)) != 0)
		grants |= LANDLOCK_READ;
	if ((more & PRIVILEGE_WRITE) != 0)
		grants |= LANDLOCK_WRITE;
	if ((more & PRIVILEGE_EXEC) != 0)
		grants |= LANDLOCK_RUN;
	if ((more & PRIVILEGE_USE) != 0)
		grants |= LANDLOCK_USE;
	return grants;
}

static int
confine_files(const struct privilege *p, const struct privilege_needs *needs)
{
	const unsigned grants = landlock_grants(needs->more);
	struct landlock_rule *rules =
	    memory_get_array(needs->directory_count + 1, sizeof(rules[0]));
	struct landlock_fence fence = {.rules = rules};
	int top = -1, result, saved;

	for (size_t i = 0; i < needs->directory_count; i++)
		rules[fence.rule_count++] =
		    (struct landlock_rule){needs->directories[i].fd,
			landlock_grants(needs->directories[i].needs)};
	if (grants != 0) {
		top = open("/", O_PATH | O_CLOEXEC);
		rules[fence.rule_count++] = (struct landlock_rule){top, grants};
	}
	fence.network = (needs->more & PRIVILEGE_CONNECT) != 0;
	result = landlock_confine(p->landlock, &fence);
	saved = errno;
	if (top != -1)
		close(top);
	free(rules);
	errno = saved;
	return result;
}

static unsigned
seccomp_grants(unsigned more)
{
	unsigned grants = 0;

	if ((more & PRIVILEGE_SHUTDOWN) != 0)
		grants |= SECCOMP_GRANT_SHUTDOWN;
	if ((more & PRIVILEGE_WRITE) != 0)
		grants |= SECCOMP_GRANT_FILES;
	if ((more & PRIVILEGE_EXEC) != 0)
		grants |= SECCOMP_GRANT_EXEC;
	if ((more & PRIVILEGE_CONNECT) != 0)
		grants |= SECCOMP_GRANT_CONNECT;
	if ((more & PRIVILEGE_CORK) != 0)
		grants |= SECCOMP_GRANT_CORK;
	return grants;
}

bool
privilege_may_shutdown(
    const struct privilege *p, const struct privilege_needs *needs)
{
	return !p->seccomp || (needs->more & PRIVILEGE_SHUTDOWN) != 0;
}

/* Returns NULL, or the step that failed. */
static const char *
confine(const struct privilege *p, enum privilege_role role,
    const struct privilege_needs *needs)
{
	const enum seccomp_list list =
	    role == PRIVILEGE_LOT ? SECCOMP_LOT : SECCOMP_WORKER;

	if (p->landlock > 0 && confine_files(p, needs) == -1)
		return "Landlock (--no-sandbox does without)";
	if (p->seccomp &&
	    seccomp_confine(list, seccomp_grants(all_needs(needs))) == -1)
		return "seccomp (--no-sandbox does without)";
	return NULL;
}

int
privilege_drop(const struct privilege *p, enum privilege_role role,
    const struct privilege_needs *needs)
{
	static const struct privilege_needs none = {0};
	const char *failed =
	    identity_take_on(&p->identity, kept_capabilities(p));

	if (failed == NULL && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		failed = "no_new_privs";
	if (failed == NULL)
		failed = confine(p, role, needs != NULL ? needs : &none);
	if (failed == NULL)
		return 0;
	log_error("cannot give up privileges: %s: %s", failed, strerror(errno));
	return -1;
}
