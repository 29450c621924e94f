#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "sandbox/identity.h"

#define GROUPS_FIRST 16
#define CAPABILITIES_MAX 64
#define ID_MAX (UINT32_MAX - 1) /* -1 means "as it is": setresuid(2) */

#if defined(__SANITIZE_ADDRESS__)
#define CORE_ALWAYS true /* LeakSanitizer looks at us by ptrace(2) */
#else
#define CORE_ALWAYS false
#endif

static bool
to_number(const char *name, uint64_t *id)
{
	return text_to_number(text_of(name), ID_MAX, id);
}

/* Returns NULL if there is no such user; errno is 0 if that is certain. */
static const struct passwd *
find_user(const char *name)
{
	const struct passwd *user;
	uint64_t id;

	errno = 0;
	user = getpwnam(name);
	if (user == NULL && to_number(name, &id))
		user = getpwuid((uid_t)id);
	return user;
}

static int
identity_find_group(const char *name, gid_t *gid)
{
	const struct group *group = getgrnam(name);
	uint64_t id;

	if (group != NULL)
		*gid = group->gr_gid;
	else if (to_number(name, &id))
		*gid = (gid_t)id;
	else
		return -1;
	return 0;
}

static char *
copy_group_name(gid_t gid)
{
	const struct group *group = getgrgid(gid);

	return group != NULL ? memory_copy_string(group->gr_name)
			     : memory_printf("%u", (unsigned)gid);
}

static void
find_groups(struct identity *id)
{
	int count = GROUPS_FIRST;

	do {
		id->group_count = count;
		id->groups = memory_resize(
		    id->groups, (size_t)count, sizeof(id->groups[0]));
	} while (getgrouplist(id->user, id->gid, id->groups, &count) == -1);
	id->group_count = count;
}

/* A number need not be in the user table, but then it has no groups. */
static int
set_user(struct identity *id, const struct config *c, struct buffer *why)
{
	const struct passwd *user = find_user(c->user);
	uint64_t number;

	if (user != NULL) {
		id->uid = user->pw_uid;
		id->gid = user->pw_gid;
		id->user = memory_copy_string(user->pw_name);
		return 0;
	}
	if (!to_number(c->user, &number)) {
		buffer_printf(why, "--user %s: there is no such user", c->user);
		return -1;
	}
	if (c->group == NULL) {
		buffer_printf(why,
		    "--user %s: no user has this number: add --group", c->user);
		return -1;
	}
	id->uid = (uid_t)number;
	id->user = memory_copy_string(c->user);
	return 0;
}

static int
set_group(struct identity *id, const struct config *c, struct buffer *why)
{
	if (c->group != NULL && identity_find_group(c->group, &id->gid) == -1) {
		buffer_printf(
		    why, "--group %s: there is no such group", c->group);
		return -1;
	}
	id->group = copy_group_name(id->gid);
	find_groups(id);
	return 0;
}

static int
identity_look_up(
    struct identity *id, const struct config *c, struct buffer *why)
{
	return set_user(id, c, why) == 0 ? set_group(id, c, why) : -1;
}

void
identity_tell(const struct identity *id, struct buffer *found)
{
	if (id->user == NULL)
		return;
	buffer_add(found, (const char *)&id->uid, sizeof(id->uid));
	buffer_add(found, (const char *)&id->gid, sizeof(id->gid));
	buffer_add(
	    found, (const char *)&id->group_count, sizeof(id->group_count));
	buffer_add(found, (const char *)id->groups,
	    (size_t)id->group_count * sizeof(id->groups[0]));
	buffer_add(found, id->user, strlen(id->user) + 1);
	buffer_add(found, id->group, strlen(id->group) + 1);
}

static bool
take_groups(struct identity *id, struct text *found)
{
	int count = 0;

	if (!text_cut_bytes(found, &count, sizeof(count)) || count < 1 ||
	    count > NGROUPS_MAX)
		return false;
	id->groups = memory_get_array((size_t)count, sizeof(id->groups[0]));
	id->group_count = count;
	return text_cut_bytes(
	    found, id->groups, (size_t)count * sizeof(id->groups[0]));
}

/* In place of identity_look_up, where another process has called that. */
static int
identity_take_found(struct identity *id, const struct config *c,
    struct text found, struct buffer *why)
{
	struct text user, group;

	if (text_cut_bytes(&found, &id->uid, sizeof(id->uid)) &&
	    text_cut_bytes(&found, &id->gid, sizeof(id->gid)) &&
	    id->uid <= ID_MAX && id->gid <= ID_MAX && take_groups(id, &found) &&
	    text_cut_string(&found, &user) && text_cut_string(&found, &group) &&
	    found.len == 0) {
		id->user = memory_copy_string(user.at);
		id->group = memory_copy_string(group.at);
		return 0;
	}
	buffer_printf(why, "--user %s: it was not looked up", c->user);
	return -1;
}

static int
identity_open_root(struct identity *id, const char *path,
    struct identity_opened *opened, struct buffer *why)
{
	if (path == NULL)
		return 0;
	id->path = path;
	if (opened != NULL) {
		id->root = opened->root;
		opened->root = -1;
		errno = EBADF;
	} else {
		id->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	if (id->root == -1) {
		buffer_printf(why, "--chroot %s: %s", path, strerror(errno));
		return -1;
	}
	return 0;
}

/* CAP_KILL is for signals to workers with another user. */
static bool
may_change(const struct config *c)
{
	uint64_t wanted = UINT64_C(1) << CAP_SETUID |
	    UINT64_C(1) << CAP_SETGID | UINT64_C(1) << CAP_KILL;
	struct __user_cap_header_struct header = {
	    .version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct now[2];

	if (c->chroot != NULL)
		wanted |= UINT64_C(1) << CAP_SYS_CHROOT;
	return syscall(SYS_capget, &header, now) == 0 &&
	    (now[0].effective & wanted) == wanted;
}

static int
set_as_asked(struct identity *id, const struct config *c,
    struct identity_opened *opened, struct buffer *why)
{
	if ((opened != NULL ? identity_take_found(
				  id, c, buffer_text(&opened->found), why)
			    : identity_look_up(id, c, why)) == -1)
		return -1;
	id->changes = id->uid != getuid() || id->gid != getgid();
	if ((!id->changes && c->chroot == NULL) || may_change(c))
		return identity_open_root(id, c->chroot, opened, why);
	buffer_printf(why,
	    "--%s: needs root with CAP_SETUID, CAP_SETGID, CAP_KILL and "
	    "CAP_SYS_CHROOT: start tined as root, or leave the option out",
	    id->changes ? "user" : "chroot");
	return -1;
}

int
identity_init(struct identity *id, const struct config *c,
    struct identity_opened *opened, struct buffer *why)
{
	*id = (struct identity){.uid = getuid(), .gid = getgid(), .root = -1};
	if (c->user == NULL)
		return 0;
	if (set_as_asked(id, c, opened, why) == 0)
		return 0;
	identity_free(id);
	return -1;
}

void
identity_free(struct identity *id)
{
	free(id->user);
	free(id->group);
	free(id->groups);
	if (id->root != -1)
		close(id->root);
	*id = (struct identity){.root = -1};
}

void
identity_describe(const struct identity *id, struct buffer *b)
{
	if (id->user == NULL) {
		buffer_printf(b, "%s",
		    id->uid == 0 ? "root" : "the user who started tined");
		return;
	}
	buffer_printf(b, "%s (%u), group %s (%u), groups", id->user,
	    (unsigned)id->uid, id->group, (unsigned)id->gid);
	for (int i = 0; i < id->group_count; i++)
		buffer_printf(
		    b, "%s%u", i > 0 ? ", " : " ", (unsigned)id->groups[i]);
	if (id->path != NULL)
		buffer_printf(b, ", in %s", id->path);
}

/*
 * Compares mounts as well: the same directory in another mount is no barrier.
 */
static bool
identity_is_same(const struct statx *a, const struct statx *b)
{
	return a->stx_ino == b->stx_ino && a->stx_mnt_id == b->stx_mnt_id &&
	    a->stx_dev_major == b->stx_dev_major &&
	    a->stx_dev_minor == b->stx_dev_minor;
}

static bool
identity_look_at(int fd, struct statx *st)
{
	return fd != -1 &&
	    statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_MNT_ID, st) == 0;
}

/* Walks up until it finds the root directory or cannot go further. */
bool
identity_encloses(const struct identity *id, int directory)
{
	struct statx root, here, below = {0};
	bool found = id->root == -1;
	int fd, up;

	if (found || !identity_look_at(id->root, &root))
		return found;
	fd = openat(directory, ".", O_PATH | O_CLOEXEC);
	while (identity_look_at(fd, &here) &&
	    !(found = identity_is_same(&here, &root)) &&
	    !identity_is_same(&here, &below)) {
		below = here;
		up = openat(fd, "..", O_PATH | O_CLOEXEC);
		close(fd);
		fd = up;
	}
	if (fd != -1)
		close(fd);
	return found;
}

/* If this process may not do it, no_new_privs is sufficient. */
static void
drop_bounds(uint64_t keep)
{
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (unsigned cap = 0; cap < CAPABILITIES_MAX; cap++)
		if ((keep >> cap & 1) == 0 &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1)
			break; /* past the last one, or not permitted */
}

static int
set_capabilities(uint64_t wanted)
{
	struct __user_cap_header_struct header = {
	    .version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct now[2], data[2];

	if (syscall(SYS_capget, &header, now) == -1)
		return -1;
	for (int i = 0; i < 2; i++) {
		uint32_t some = (uint32_t)(wanted >> 32 * i);

		some &= now[i].permitted;
		data[i] = (struct __user_cap_data_struct){
		    .effective = some, .permitted = some};
	}
	return (int)syscall(SYS_capset, &header, data);
}

static bool
is_for_good(const struct identity *id)
{
	uid_t u[3];
	gid_t g[3];

	if (getresuid(&u[0], &u[1], &u[2]) == -1 ||
	    getresgid(&g[0], &g[1], &g[2]) == -1)
		return false;
	for (int i = 0; i < 3; i++)
		if (u[i] != id->uid || g[i] != id->gid)
			return false;
	return id->uid == 0 ||
	    (setresuid((uid_t)-1, 0, (uid_t)-1) == -1 &&
		setresgid((gid_t)-1, 0, (gid_t)-1) == -1);
}

/*
 * The kernel writes no core of a process that has changed its user, because
 * other processes of that user could read it.  This allows one if the
 * administrator has raised the limit on cores.
 */
static void
allow_core(void)
{
	struct rlimit limit;

	if (CORE_ALWAYS ||
	    (getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur > 0))
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static const char *
change_user(const struct identity *id)
{
	if (setgroups((size_t)id->group_count, id->groups) == -1)
		return "setgroups";
	if (setresgid(id->gid, id->gid, id->gid) == -1)
		return "setresgid";
	if (setresuid(id->uid, id->uid, id->uid) == -1)
		return "setresuid";
	allow_core();
	return NULL;
}

const char *
identity_take_on(const struct identity *id, uint64_t keep)
{
	const char *failed = NULL;

	if (id->root != -1 &&
	    (fchdir(id->root) == -1 || chroot(".") == -1 || chdir("/") == -1))
		return "chroot";
	drop_bounds(keep);
	if (id->changes)
		failed = change_user(id);
	if (failed == NULL && set_capabilities(keep) == -1)
		failed = "capset";
	if (failed == NULL && id->changes && !is_for_good(id)) {
		errno = EPERM;
		failed = "giving up root";
	}
	return failed;
}
